"""Evaluation of scores, compared with a ridge regression on the features of the untrained base."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.evaluate.common_report import write_metrics
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.probe_features import sample_rows
from teacherspec.evaluate.regression.findings import all_findings
from teacherspec.evaluate.regression.metrics import score_gain, score_quality
from teacherspec.evaluate.regression.report import write_tables
from teacherspec.inference.regression import labels_of, predict_scores
from teacherspec.inference.ridge import fit_ridge
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.regression import OUTPUT_TYPE, ScorePredictions, save_scores
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures

if TYPE_CHECKING:
    from datasets import Dataset


def evaluate_regression(context: EvaluationContext) -> str | None:
    """Score every split, and the reported ones by the base too; write predictions and reports.

    Returns:
        The headline: correlation and error on the test split; None in a process that only helped to compute.

    Raises:
        UserError: the model gives a score that is not finite.
    """
    section, splits = context.section, context.splits
    predictions = {}
    for name, rows in splits.items():
        log_progress(f"{name}, {len(rows)} rows")
        predictions[name] = predict_scores(context.task, *context.teacher, rows, section.batch_size)
    log_progress("a ridge regression on the untrained base")
    shifted = tuple(split.name for split in context.data.of_role("shifted"))
    base = base_scores(context, ("test", *shifted))
    distributed.shutdown()  # what follows is arithmetic, writing, and timing without other processes
    if not distributed.is_main_process():
        return None
    metrics = all_metrics(context, predictions, base)
    _write_predictions(context, predictions)
    log_progress("reports")
    write_metrics(context.paths.report, metrics, all_findings(metrics, shifted))
    write_tables(context, {name: predictions[name] for name in ("test", *shifted)}, metrics)
    return headline(metrics)


def base_scores(
    context: EvaluationContext, names: tuple[str, ...]
) -> "dict[str, np.typing.NDArray[np.float64]]":
    """Name of a split → scores `[N]` by a ridge regression on the frozen features of the base."""
    model, processor = context.load_base()
    features = context.task.require(FrozenFeatures).features

    def computed(rows: "Dataset") -> Any:
        return row_outputs(context.task, features, model, processor, rows, context.section.batch_size)

    train = sample_rows(context.splits["train"], context.section.seed)
    ridge = fit_ridge(computed(train), labels_of(train))
    return {name: ridge(computed(context.splits[name])) for name in names}


def all_metrics(
    context: EvaluationContext, predictions: Mapping[str, ScorePredictions], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Content of `metrics.json`."""
    found: dict[str, Any] = {}
    for name, part in predictions.items():
        labelled = context.data.splits[name].role != "transfer"
        found[name] = (
            score_quality(part.scores.astype(np.float64), part.labels, **context.intervals)
            if labelled
            else {"rows": len(part.ids)}
        )
    found["loss_ratio"] = loss_ratio(*(found[name]["mse"]["value"] for name in ("validation", "train")))
    found["base"], found["gain"] = {}, {}
    for name, scores in base.items():
        own = predictions[name]
        found["base"][name] = score_quality(scores, own.labels, **context.intervals)
        found["gain"][name] = score_gain(
            own.scores.astype(np.float64), scores, own.labels, **context.intervals
        )
    return found


def headline(metrics: Mapping[str, Any]) -> str:
    """Correlation and error on the test split."""
    pearson, rmse = (metrics["test"][name] for name in ("pearson", "rmse"))
    return (
        f"test: Pearson {pearson['value']:.3f} ({pearson['low']:.3f} to {pearson['high']:.3f}), "
        f"RMSE {rmse['value']:.3f} ({rmse['low']:.3f} to {rmse['high']:.3f})"
    )


def _write_predictions(context: EvaluationContext, predictions: Mapping[str, ScorePredictions]) -> None:
    with new_folder(context.paths.output) as folder:
        for name, part in predictions.items():
            save_scores(folder / "predictions" / f"{name}.parquet", part)
        roles = {name: split.role for name, split in context.data.splits.items()}
        rows = {name: split.rows for name, split in context.data.splits.items()}
        save_index(folder, PredictionIndex((), roles, rows, OUTPUT_TYPE))
