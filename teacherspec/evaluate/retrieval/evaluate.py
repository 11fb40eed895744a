"""Evaluation of retrieval between images and texts, compared with the untrained base."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.evaluate.common_report import write_metrics
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.retrieval.findings import all_findings
from teacherspec.evaluate.retrieval.metrics import candidate_scores, retrieval_gain, retrieval_quality
from teacherspec.evaluate.retrieval.report import RetrievalAnalysis, write_plots
from teacherspec.evaluate.seeds import SeedScore, score_seeds, seed_findings, seed_metrics, write_seeds
from teacherspec.inference.retrieval import predict_pairs
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.metrics.scores.retrieval import SMALLEST_CANDIDATE_SET, largest_candidate_set
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.retrieval import (
    OUTPUT_TYPE,
    Comparison,
    EmbeddingPredictions,
    save_comparison,
    save_embedding_predictions,
)
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder

if TYPE_CHECKING:
    from datasets import Dataset

CANDIDATE_SET_SIZE = 100
"""Largest number of candidates in a set."""


def evaluate_retrieval(context: EvaluationContext) -> str | None:
    """Embed every split, and test by the base too; write predictions and reports.

    Returns:
        The headline: recall on the test split; None in a process that only helped to compute.

    Raises:
        UserError: the model is broken, or a split has no wrong candidates to compare with.
    """
    section, splits = context.section, context.splits

    def embed(loaded: tuple[Any, Any], rows: "Dataset") -> EmbeddingPredictions:
        return predict_pairs(context.task, *loaded, rows, section.batch_size)

    predictions = {}
    for name, rows in splits.items():
        log_progress(f"{name}, {len(rows)} rows")
        predictions[name] = embed(context.teacher, rows)
    size = candidate_set_size(predictions)

    def scores(model: Any, found: EmbeddingPredictions) -> tuple[float, float]:
        right, _, losses = candidate_scores(found, comparison_of(model, size, section.seed))
        return float(right.mean()), float(losses.mean())

    seeds = score_seeds(context, predictions, embed, scores)
    log_progress("the untrained base on the same rows")
    base = context.load_base()
    shifted_names = [split.name for split in context.data.of_role("shifted")]
    untrained = {name: embed(base, splits[name]) for name in ("test", *shifted_names)}
    distributed.shutdown()  # what follows is arithmetic, writing, and timing without other processes
    if not distributed.is_main_process():
        return None
    own, of_base = (comparison_of(model, size, section.seed) for model, _ in (context.teacher, base))
    metrics: dict[str, Any] = {
        name: retrieval_quality(part, own, **context.intervals) for name, part in predictions.items()
    }
    ratio = loss_ratio(*(metrics[name]["nll"]["value"] for name in ("validation", "train")))
    metrics |= {"loss_ratio": ratio, "candidate_set_size": size}
    metrics["base"] = {
        name: retrieval_quality(part, of_base, **context.intervals) for name, part in untrained.items()
    }
    metrics["gain"] = {
        name: retrieval_gain((predictions[name], own), (part, of_base), **context.intervals)
        for name, part in untrained.items()
    }
    metrics |= seed_metrics(seeds, section.confidence)
    _write_predictions(context, predictions, own, seeds)
    log_progress("reports")
    texts = {str(row["id"]): str(row["text"]) for row in splits["test"].select_columns(["id", "text"])}
    shifted = {name: predictions[name] for name in shifted_names}
    reported = {"test": predictions["test"], **shifted}
    findings = [*all_findings(metrics), *seed_findings(metrics, seeds, "its untrained base")]
    analysis = RetrievalAnalysis(metrics, findings, reported, own, texts)
    write_metrics(context.paths.report, metrics, analysis.findings)
    write_plots(context.paths, analysis)
    return headline(metrics)


def candidate_set_size(predictions: Mapping[str, EmbeddingPredictions]) -> int:
    """Size of the candidate sets: the same in all splits, or their losses would not compare.

    Raises:
        DataError: in some split all texts belong to one image, or all images to one text.
    """
    largest = {name: largest_candidate_set(part.pairs) for name, part in predictions.items()}
    too_small = [name for name, size in largest.items() if size < SMALLEST_CANDIDATE_SET]
    if too_small:
        raise DataError(
            [
                f"prepare: split {name}: every text belongs to one image, or every image to one text; "
                "there are no wrong candidates in it. Give it more rows"
                for name in too_small
            ]
        )
    return min(CANDIDATE_SET_SIZE, *largest.values())


def comparison_of(model: Any, size: int, seed: int) -> Comparison:
    """How this model turns cosines into logits."""
    bias = getattr(model, "logit_bias", None)
    return Comparison(
        logit_scale=model.logit_scale.exp().item(),
        logit_bias=0.0 if bias is None else bias.item(),
        candidate_set_size=size,
        seed=seed,
    )


def headline(metrics: Mapping[str, Any]) -> str:
    """Recall at 1 of both directions on the test split."""
    recalls = [metrics["test"][name]["recall_at_1"] for name in ("image_to_text", "text_to_image")]
    texts = [f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in recalls]
    return f"recall at 1 on the test split: {texts[0]} image to text, {texts[1]} text to image"


def _write_predictions(
    context: EvaluationContext,
    predictions: Mapping[str, EmbeddingPredictions],
    comparison: Comparison,
    seeds: Sequence[SeedScore],
) -> None:
    """Embeddings of every split, how they are compared, scores of each seed, and the index last."""
    with new_folder(context.paths.output) as folder:
        write_seeds(folder, seeds)
        for name, part in predictions.items():
            save_embedding_predictions(folder, name, part)
        save_comparison(folder, comparison)
        roles = {name: split.role for name, split in context.data.splits.items()}
        rows = {name: split.rows for name, split in context.data.splits.items()}
        save_index(folder, PredictionIndex((), roles, rows, OUTPUT_TYPE))
