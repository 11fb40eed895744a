"""Evaluation of token classification: tags and entities, compared with a linear probe of the base."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.evaluate.common_report import write_metrics
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.seeds import SeedScore, score_seeds, seed_findings, seed_metrics, write_seeds
from teacherspec.evaluate.tagging.findings import all_findings
from teacherspec.evaluate.tagging.metrics import scores_of, tag_gain, tag_quality, type_rows
from teacherspec.evaluate.tagging.report import TagAnalysis, write_plots
from teacherspec.evaluate.tagging.untrained_base import OPPONENT, predict_untrained
from teacherspec.inference.tagging import predict_tags
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.tagging import OUTPUT_TYPE, TagPredictions, save_tag_predictions
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder
from teacherspec.splits import UNLABELLED
from teacherspec.tasks.shared.tagging_task import TaggingTask

if TYPE_CHECKING:
    from datasets import Dataset


def evaluate_tagging(context: EvaluationContext) -> str | None:
    """Tag every split, test by a linear probe of the base too; write predictions and reports.

    Returns:
        The headline: F1 on the test split; None in a process that only helped to compute.

    Raises:
        UserError: the model is broken.
    """
    task, section, splits = context.task.require(TaggingTask), context.section, context.splits

    def predict(loaded: tuple[Any, Any], rows: "Dataset") -> TagPredictions:
        return predict_tags(task, *loaded, rows, section.batch_size)

    def score(_: Any, found: TagPredictions) -> tuple[float, float]:
        scored = scores_of(found)
        return float(scored.correct.mean()), float(scored.nll.mean())

    predictions = {}
    for name, rows in splits.items():
        log_progress(f"{name}, {len(rows)} rows")
        predictions[name] = predict(context.teacher, rows)
    seeds = score_seeds(context, predictions, predict, score)
    untrained = predict_untrained(context)
    distributed.shutdown()  # what follows is arithmetic, writing, and timing without other processes
    if not distributed.is_main_process():
        return None
    metrics = _measure(context, task.tags, predictions, untrained)
    metrics |= seed_metrics(seeds, section.confidence)
    _write_predictions(context, task.tags, predictions, seeds)
    log_progress("reports")
    types = type_rows(predictions["test"], task.tags, **context.intervals)
    findings = [*all_findings(metrics, types, OPPONENT), *seed_findings(metrics, seeds, OPPONENT)]
    words = {str(row["id"]): task.words(row) for row in splits["test"]}
    reported = {name: predictions[name] for name in untrained}
    write_metrics(context.paths.report, metrics, findings)
    write_plots(context.paths, TagAnalysis(metrics, findings, types, reported, task.tags, words))
    return headline(metrics)


def _measure(
    context: EvaluationContext,
    tags: Sequence[str],
    predictions: Mapping[str, TagPredictions],
    untrained: Mapping[str, TagPredictions],
) -> dict[str, Any]:
    """Content of `metrics.json` but for seeds, not rounded."""
    unmeasured = {one.name: {"rows": one.rows} for one in context.data.of_role(*UNLABELLED)}
    metrics: dict[str, Any] = {
        name: unmeasured.get(name) or tag_quality(part, tags, **context.intervals)
        for name, part in predictions.items()
    }
    metrics["loss_ratio"] = loss_ratio(*(metrics[name]["nll"]["value"] for name in ("validation", "train")))
    metrics["base"] = {name: tag_quality(part, tags, **context.intervals) for name, part in untrained.items()}
    metrics["gain"] = {
        name: tag_gain(predictions[name], part, tags, **context.intervals) for name, part in untrained.items()
    }
    return metrics


def headline(metrics: Mapping[str, Any]) -> str:
    """F1 of entities on the test split, and of the linear probe."""
    own, base = metrics["test"]["f1"], metrics["base"]["test"]["f1"]
    interval = f"{own['value']:.3f} ({own['low']:.3f} to {own['high']:.3f})"
    return f"F1 of entities on the test split {interval}; {OPPONENT}: {base['value']:.3f}"


def _write_predictions(
    context: EvaluationContext,
    tags: Sequence[str],
    predictions: Mapping[str, TagPredictions],
    seeds: Sequence[SeedScore],
) -> None:
    """Predictions of every split, scores of each seed, and the index last."""
    with new_folder(context.paths.output) as folder:
        write_seeds(folder, seeds)
        for name, part in predictions.items():
            save_tag_predictions(folder / "predictions" / f"{name}.parquet", part)
        roles = {name: split.role for name, split in context.data.splits.items()}
        rows = {name: split.rows for name, split in context.data.splits.items()}
        save_index(folder, PredictionIndex(tuple(tags), roles, rows, OUTPUT_TYPE))
