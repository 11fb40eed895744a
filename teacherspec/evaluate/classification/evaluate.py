"""Evaluation of classification: quality, slices, robustness, likely label errors."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.errors import UserError
from teacherspec.evaluate.classification.analysis import Analysis, analyse
from teacherspec.evaluate.classification.contact_sheets import contact_sheets
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.label_details import with_label_details
from teacherspec.evaluate.classification.report import write_plots
from teacherspec.evaluate.classification.untrained_base import predict_untrained
from teacherspec.evaluate.common_report import write_metrics
from teacherspec.evaluate.content_features import read_content
from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.finished_shards import remove_shards, shards_folder
from teacherspec.evaluate.gain import gain_text
from teacherspec.evaluate.perturbations import perturbations_of
from teacherspec.evaluate.robustness import chosen_perturbations, predict_perturbed
from teacherspec.evaluate.seeds import score_seeds, write_seeds
from teacherspec.inference.classification import predict, predict_embedded
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import top_label
from teacherspec.predictions.class_embeddings import ClassSpace, save_class_space, save_embeddings
from teacherspec.predictions.classification import (
    OUT_OF_FOLD,
    Predictions,
    SliceRows,
    save_predictions,
    save_slices,
)
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder, write_bytes
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.capabilities import EmbeddedClasses

if TYPE_CHECKING:
    from datasets import Dataset


def evaluate_classification(context: EvaluationContext) -> str | None:
    """Predict every split once; write predictions, tables and plots.

    Returns:
        The headline: accuracy on the test split; None in a process that only helped to compute.

    Raises:
        UserError: the model does not fit the splits, or a perturbation or slice the rows.
    """
    section, data, schema = context.section, context.data, context.task.row_schema()
    finished = shards_folder(context)
    predictions, embeddings = _predict(context, finished / "splits")
    perturbed = _perturbed(context, predictions["test"], finished / "perturbed")
    seeds = score_seeds(context, predictions, partial(_logits, context), lambda _, found: _scores(found))
    untrained = predict_untrained(context)
    distributed.shutdown()  # what follows is arithmetic, writing, and timing without other processes
    if not distributed.is_main_process():
        return None
    tables = {
        split.name: EvalTable(
            predictions[split.name], data.label_names, read_content(schema, context.splits[split.name])
        )
        for split in data.of_role("validation", "calibration", "test", "shifted")
    }
    analysis = analyse(context, predictions, untrained, tables, perturbed, seeds)
    sheets = contact_sheets(schema, context.splits, analysis.examples)
    _write_predictions(context, predictions, embeddings, untrained, analysis, sheets)
    remove_shards()
    log_progress("reports")
    write_metrics(context.paths.report, analysis.metrics, analysis.findings)
    write_plots(context.paths, analysis, section.confidence)
    return headline(analysis)


def _predict(
    context: EvaluationContext, finished: Path
) -> tuple[dict[str, Predictions], dict[str, npt.NDArray[np.float32]]]:
    """Predictions of every split, and embeddings `[N, D]` of its rows where they are declared."""
    embedded = context.task.capability(EmbeddedClasses) if context.section.embeddings else None
    predictions, embeddings = {}, {}
    for name, rows in context.splits.items():
        log_progress(f"{name}, {len(rows)} rows")
        if embedded is None:
            predictions[name] = predict(
                context.task, *context.teacher, rows, context.section.batch_size, finished / name
            )
        else:
            predictions[name], embeddings[name] = predict_embedded(
                context.task, embedded, *context.teacher, rows, context.section.batch_size, finished / name
            )
    check_classes(context.data, predictions["test"])
    return with_label_details(context, predictions), embeddings


def _perturbed(
    context: EvaluationContext, plain: Predictions, finished: Path
) -> dict[str, tuple[Predictions, int]]:
    """Predictions of the test split under each perturbation."""
    task, section, (model, processor) = context.task, context.section, context.teacher
    perturbations = chosen_perturbations(perturbations_of(task.row_schema()), section.perturbations)
    log_progress(f"test under {len(perturbations)} perturbations, {', '.join(perturbations) or 'none'}")
    return predict_perturbed(
        task,
        model,
        processor,
        context.splits["test"],
        plain,
        perturbations,
        batch_size=section.batch_size,
        seed=section.seed,
        finished=finished,
    )


def _logits(context: EvaluationContext, loaded: tuple[Any, Any], rows: "Dataset") -> Predictions:
    return predict(context.task, *loaded, rows, context.section.batch_size)


def _scores(found: Predictions) -> tuple[float, float]:
    return float((top_label(found.logits) == found.labels).mean()), nll(found.logits, found.labels)


def headline(analysis: Analysis) -> str:
    """Accuracy on the test split with its interval."""
    accuracy = analysis.metrics["test"]["accuracy"]
    interval = f"{accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
    gained = gain_text(analysis.metrics["gain"]["test"])
    return f"accuracy {interval} on the test split, {gained} over its untrained base"


def check_classes(prepared: Prepared, predictions: Predictions) -> None:
    """The model has as many outputs as the prepared data have classes.

    Raises:
        UserError: it has not.
    """
    outputs, classes = predictions.logits.shape[1], len(prepared.label_names)
    if outputs != classes:
        raise UserError(
            f"evaluate: the fine-tuned model has {outputs} classes and the prepared data {classes}; "
            "run the stage `finetune` again"
        )


def _write_predictions(
    context: EvaluationContext,
    predictions: Mapping[str, Predictions],
    embeddings: Mapping[str, npt.NDArray[np.float32]],
    untrained: Mapping[str, Predictions],
    analysis: Analysis,
    sheets: Mapping[str, bytes],
) -> None:
    """Predictions of teacher and base, slices of the test split, contact sheets, and the index last."""
    splits = context.data.splits
    with new_folder(context.paths.output) as folder:
        for name, found in predictions.items():
            save_predictions(folder / "predictions" / f"{name}.parquet", found)
        _write_embeddings(folder, context, predictions, embeddings)
        for name, found in untrained.items():
            save_predictions(folder / "untrained" / f"{name}.parquet", found)
        if analysis.out_of_fold is not None:
            save_predictions(folder / "predictions" / f"{OUT_OF_FOLD}.parquet", analysis.out_of_fold)
        save_slices(
            folder,
            [
                SliceRows(one.slice.name, one.family, np.flatnonzero(one.slice.rows()))
                for one in analysis.slices
            ],
        )
        write_seeds(folder, analysis.seeds)
        for name, sheet in sheets.items():
            write_bytes(folder / "pictures" / f"{name}.png", sheet)
        roles = {name: split.role for name, split in splits.items()}
        rows = {name: split.rows for name, split in splits.items()}
        save_index(folder, PredictionIndex(context.data.label_names, roles, rows))


def _write_embeddings(
    folder: Path,
    context: EvaluationContext,
    predictions: Mapping[str, Predictions],
    embeddings: Mapping[str, npt.NDArray[np.float32]],
) -> None:
    """The embeddings of rows and classes, where they are declared."""
    for name, found in embeddings.items():
        save_embeddings(folder, name, predictions[name].ids, found)
    embedded = context.task.capability(EmbeddedClasses) if embeddings else None
    if embedded is not None and (space := embedded.class_space(*context.teacher)) is not None:
        classes, scale = space
        save_class_space(folder, ClassSpace(classes.float().numpy(), scale))
