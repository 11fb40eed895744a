"""Evaluation of predictions that are logits of classes: quality, slices, robustness, likely label errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from teacherspec.errors import UserError
from teacherspec.evaluate.classification.analysis import Analysis, analyse
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.page import write_page
from teacherspec.evaluate.classification.report import draw, write_tables
from teacherspec.evaluate.content_features import read_content
from teacherspec.evaluate.context import Work, tell
from teacherspec.evaluate.perturbations import perturbations_of
from teacherspec.evaluate.robustness import chosen_perturbations, predict_perturbed
from teacherspec.evaluate.slices import SliceQuality
from teacherspec.evaluate.thumbnails import contact_sheets, shown_rows, thumbnails
from teacherspec.inference.classification import predict
from teacherspec.predictions.classification import (
    PredictionIndex,
    Predictions,
    SliceRows,
    save_index,
    save_predictions,
    save_slices,
)
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder, write_bytes
from teacherspec.splits import Prepared


def evaluate_classes(work: Work) -> str | None:
    """Predict every split once; write the waist, every table, picture and page.

    Returns:
        Accuracy on the test split, in words; None for a process that only helped to compute.

    Raises:
        UserError: the model does not fit the splits, or a perturbation or slice the rows.
    """
    task, section, data = work.task, work.section, work.data
    fields = task.row_schema()
    perturbations = chosen_perturbations(perturbations_of(fields), section.perturbations)
    found = {}
    for name, rows in work.splits.items():
        tell(f"{name}, {len(rows)} rows")
        found[name] = predict(task, work.model, work.processor, rows, section.batch_size)
    refuse_foreign_model(data, found["test"])
    tell(f"test under {len(perturbations)} perturbations, {', '.join(perturbations) or 'none'}")
    perturbed = predict_perturbed(
        task,
        work.model,
        work.processor,
        work.splits["test"],
        found["test"],
        perturbations,
        batch_size=section.batch_size,
        seed=section.seed,
    )
    distributed.shutdown()  # what follows is arithmetic, writing, and timing undisturbed
    if not distributed.is_main_process():
        return None
    measured = {
        split.name: EvalTable(
            found[split.name], data.label_names, read_content(fields, work.splits[split.name])
        )
        for split in data.of_role("validation", "calibration", "test", "shifted")
    }
    analysis = analyse(section, data, found, measured, perturbed)
    sheets = contact_sheets(fields, work.splits, analysis.examples)
    write_predictions(work.output, data, found, analysis.slices, sheets)
    tell("reports")
    write_tables(work.report, analysis, section.confidence)
    draw(work.report, analysis, work.finetuned, section.confidence)
    small = thumbnails(fields, work.splits, shown_rows(analysis))
    write_page(work.report, analysis, section, small, work.about_data)
    return headline(analysis, work.report)


def headline(analysis: Analysis, report: Path) -> str:
    """Accuracy on the test split with its interval, and where to read on."""
    accuracy = analysis.metrics["test"]["accuracy"]
    interval = f"{accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
    return f"right on {interval} of the test rows; see {report / 'report.html'}"


def refuse_foreign_model(prepared: Prepared, predictions: Predictions) -> None:
    """The model answers with the classes of the prepared data.

    Raises:
        UserError: it has another number of classes.
    """
    outputs, classes = predictions.logits.shape[1], len(prepared.label_names)
    if outputs != classes:
        raise UserError(
            f"evaluate: the fine-tuned model has {outputs} classes and the prepared data {classes}; "
            "run the stage `finetune` again"
        )


def write_predictions(
    output: Path,
    prepared: Prepared,
    found: Mapping[str, Predictions],
    slices: Sequence[SliceQuality],
    sheets: Mapping[str, bytes],
) -> None:
    """The waist: one Parquet a split, slices of the test split, contact sheets, and the index last."""
    with new_folder(output) as folder:
        for name, predictions in found.items():
            save_predictions(folder / "predictions" / f"{name}.parquet", predictions)
        save_slices(
            folder,
            [SliceRows(one.slice.name, one.family, np.flatnonzero(one.slice.rows())) for one in slices],
        )
        for name, sheet in sheets.items():
            write_bytes(folder / "pictures" / f"{name}.png", sheet)
        index = PredictionIndex(
            label_names=prepared.label_names,
            roles={name: split.role for name, split in prepared.splits.items()},
            rows={name: split.rows for name, split in prepared.splits.items()},
        )
        save_index(folder, index)
