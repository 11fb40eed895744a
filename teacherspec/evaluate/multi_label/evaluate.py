"""Evaluation of multi-label teachers: quality, single labels, gain over a linear probe of the base."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError
from teacherspec.evaluate.common_report import write_metrics
from teacherspec.evaluate.content_features import values_of
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.finished_shards import remove_shards, shards_folder
from teacherspec.evaluate.multi_label.findings import all_findings
from teacherspec.evaluate.multi_label.metrics import class_rows, label_gain, label_quality, score
from teacherspec.evaluate.multi_label.report import LabelAnalysis, write_plots
from teacherspec.evaluate.multi_label.untrained_base import PROBE, predict_untrained
from teacherspec.evaluate.seeds import SeedScore, score_seeds, seed_findings, seed_metrics, write_seeds
from teacherspec.inference.multi_label import predict_labels
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.multi_label import OUTPUT_TYPE, LabelPredictions, save_label_predictions
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder
from teacherspec.splits import UNLABELLED

if TYPE_CHECKING:
    from datasets import Dataset


def evaluate_multi_label(context: EvaluationContext) -> str | None:
    """Predict every split once; write predictions, tables and plots.

    Returns:
        The headline: macro F1 on the test split; None in a process that only helped to compute.

    Raises:
        UserError: the model does not fit the splits.
    """
    section, data = context.section, context.data
    finished = shards_folder(context) / "splits"
    predictions = {}
    for name, rows in context.splits.items():
        log_progress(f"{name}, {len(rows)} rows")
        predictions[name] = predict_labels(
            context.task, *context.teacher, rows, section.batch_size, finished / name
        )
    check_labels(data.label_names, predictions["test"])

    def again(loaded: tuple[Any, Any], rows: "Dataset") -> LabelPredictions:
        return predict_labels(context.task, *loaded, rows, section.batch_size)

    seeds = score_seeds(context, predictions, again, lambda _, found: score(found))
    untrained = predict_untrained(context)
    distributed.shutdown()  # what follows is arithmetic, writing, and timing without other processes
    if not distributed.is_main_process():
        return None
    log_progress("reports")
    metrics = all_metrics(context, predictions, untrained, seeds)
    classes = class_rows(predictions["test"], data.label_names, section.confidence)
    findings = [*all_findings(metrics, classes, PROBE), *seed_findings(metrics, seeds, PROBE)]
    _write_predictions(context, predictions, untrained, seeds)
    remove_shards()
    write_metrics(context.paths.report, metrics, findings)
    reported = {name: predictions[name] for name in untrained}
    write_plots(context.paths, LabelAnalysis(data.label_names, classes, reported, _texts(context)))
    return headline(metrics)


def all_metrics(
    context: EvaluationContext,
    predictions: Mapping[str, LabelPredictions],
    untrained: Mapping[str, LabelPredictions],
    seeds: Sequence[SeedScore],
) -> dict[str, Any]:
    """Content of `metrics.json`: of each split, of the base, the gain, and over seeds."""
    roles = {name: split.role for name, split in context.data.splits.items()}
    metrics: dict[str, Any] = {
        name: {"rows": len(part.ids)}
        if roles[name] in UNLABELLED
        else label_quality(part, **context.intervals)
        for name, part in predictions.items()
    }
    ratio = loss_ratio(*(metrics[name]["nll"]["value"] for name in ("validation", "train")))
    metrics |= {"loss_ratio": ratio}
    metrics["base"] = {name: label_quality(part, **context.intervals) for name, part in untrained.items()}
    metrics["gain"] = {
        name: label_gain(predictions[name], part, **context.intervals) for name, part in untrained.items()
    }
    return metrics | seed_metrics(seeds, context.section.confidence)


def check_labels(label_names: Sequence[str], predictions: LabelPredictions) -> None:
    """The model has as many outputs as the prepared data have labels.

    Raises:
        UserError: it has not.
    """
    outputs = predictions.logits.shape[1]
    if outputs != len(label_names):
        raise UserError(
            f"evaluate: the fine-tuned model has {outputs} outputs and the prepared data {len(label_names)} "
            "labels; run the stage `finetune` again"
        )


def headline(metrics: Mapping[str, Any]) -> str:
    """Macro F1 and mean average precision on the test split, and the gain of the latter."""
    f1, precision = (metrics["test"][name] for name in ("macro_f1", "mean_average_precision"))
    gained = metrics["gain"]["test"]["mean_average_precision"]
    return (
        f"macro F1 {f1['value']:.3f} ({f1['low']:.3f} to {f1['high']:.3f}) from a probability of 0.5 on, "
        f"mean average precision {precision['value']:.3f} on the test split, {gained['value']:+.3f} "
        f"({gained['low']:.3f} to {gained['high']:.3f}) over {PROBE}"
    )


def _texts(context: EvaluationContext) -> list[str]:
    """The content of each test row as a person reads it."""
    rows = context.splits["test"]
    contents = [
        list(map(column.text, values_of(rows, column.name))) for column in context.task.row_schema().content
    ]
    return ["\n".join(parts) for parts in zip(*contents, strict=True)]


def _write_predictions(
    context: EvaluationContext,
    predictions: Mapping[str, LabelPredictions],
    untrained: Mapping[str, LabelPredictions],
    seeds: Sequence[SeedScore],
) -> None:
    """Predictions of teacher and base, scores of each seed, and the index last."""
    with new_folder(context.paths.output) as folder:
        for name, part in predictions.items():
            save_label_predictions(folder / "predictions" / f"{name}.parquet", part)
        for name, part in untrained.items():
            save_label_predictions(folder / "untrained" / f"{name}.parquet", part)
        write_seeds(folder, seeds)
        roles = {name: split.role for name, split in context.data.splits.items()}
        rows = {name: split.rows for name, split in context.data.splits.items()}
        save_index(folder, PredictionIndex(context.data.label_names, roles, rows, OUTPUT_TYPE))
