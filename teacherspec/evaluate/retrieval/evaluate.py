"""Evaluation of pairs of images and texts: what finds what, beside the untrained base."""

from collections.abc import Mapping
from typing import Any

from teacherspec.errors import DataError
from teacherspec.evaluate.context import Work, tell
from teacherspec.evaluate.retrieval.metrics import retrieval_quality
from teacherspec.evaluate.retrieval.page import write_retrieval_page
from teacherspec.evaluate.retrieval.report import RetrievalAnalysis, draw, write_tables
from teacherspec.inference.retrieval import predict_pairs
from teacherspec.metrics.retrieval import largest_candidate_set
from teacherspec.predictions.classification import PredictionIndex, save_index
from teacherspec.predictions.retrieval import (
    OUTPUT_TYPE,
    Comparison,
    EmbeddingPredictions,
    save_comparison,
    save_embedding_predictions,
)
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder

CANDIDATE_SET_SIZE = 100
"""Largest number of candidates in a set."""

SMALLEST_CANDIDATE_SET = 2
SMALLEST_NLL = 1e-12
"""Nats a candidate set below which the train loss counts as this."""


def evaluate_pairs(work: Work) -> str | None:
    """Embed every split once, and test also by the base; write the waist and the reports.

    Returns:
        Recall on the test split, in words; None for a process that only helped to compute.

    Raises:
        UserError: the model is broken, or a split has nothing to tell an image's texts from.
    """
    task, section = work.task, work.section
    found = {}
    for name, rows in work.splits.items():
        tell(f"{name}, {len(rows)} rows")
        found[name] = predict_pairs(task, work.model, work.processor, rows, section.batch_size)
    tell("the untrained base on the same rows")
    base, base_processor = work.load_base()
    base_found = predict_pairs(task, base, base_processor, work.splits["test"], section.batch_size)
    distributed.shutdown()  # what follows is arithmetic, writing, and timing undisturbed
    if not distributed.is_main_process():
        return None
    size = line_up_size(found)
    options: dict[str, Any] = section.model_dump(include={"confidence", "resamples", "seed"})
    own, untrained = (comparison_of(model, size, section.seed) for model in (work.model, base))
    metrics: dict[str, Any] = {name: retrieval_quality(part, own, **options) for name, part in found.items()}
    ratio = metrics["validation"]["nll"]["value"] / max(metrics["train"]["nll"]["value"], SMALLEST_NLL)
    metrics |= {"loss_ratio": ratio, "candidate_set_size": size}
    metrics["base"] = {"test": retrieval_quality(base_found, untrained, **options)}
    with new_folder(work.output) as folder:
        for name, part in found.items():
            save_embedding_predictions(folder, name, part)
        save_comparison(folder, own)
        roles = {name: split.role for name, split in work.data.splits.items()}
        counts = {name: split.rows for name, split in work.data.splits.items()}
        save_index(folder, PredictionIndex((), roles, counts, OUTPUT_TYPE))
    tell("reports")
    texts = {str(row["id"]): str(row["text"]) for row in work.splits["test"].select_columns(["id", "text"])}
    shifted = {split.name: found[split.name] for split in work.data.of_role("shifted")}
    analysis = RetrievalAnalysis(metrics, {"test": found["test"], **shifted}, own, texts)
    write_tables(work.report, analysis)
    draw(work.report, analysis, work.finetuned)
    write_retrieval_page(work.report, analysis, section, task.row_schema(), work.splits["test"])
    return headline(metrics)


def line_up_size(found: Mapping[str, EmbeddingPredictions]) -> int:
    """Size of the candidate sets: the same in all splits, or their losses would not compare.

    Raises:
        DataError: in some split an image has all the texts, or a text all the images.
    """
    largest = {name: largest_candidate_set(part.pairs) for name, part in found.items()}
    poor = [name for name, size in largest.items() if size < SMALLEST_CANDIDATE_SET]
    if poor:
        raise DataError(
            [
                f"prepare: split {name}: every text belongs to one image, or every image to one text; "
                "nothing can be looked for in it. Give it more rows"
                for name in poor
            ]
        )
    return min(CANDIDATE_SET_SIZE, *largest.values())


def comparison_of(model: Any, size: int, seed: int) -> Comparison:
    """How this model compares."""
    bias = getattr(model, "logit_bias", None)
    return Comparison(
        logit_scale=model.logit_scale.exp().item(),
        logit_bias=0.0 if bias is None else bias.item(),
        candidate_set_size=size,
        seed=seed,
    )


def headline(metrics: Mapping[str, Any]) -> str:
    """Recall at 1 of both directions on the test split."""
    found = [metrics["test"][name]["recall_at_1"] for name in ("image_to_text", "text_to_image")]
    told = [f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in found]
    return f"first right for {told[0]} of the test images, {told[1]} of the texts"
