"""The stage `evaluate`: the last that runs the model for measurement."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from teacherspec.errors import DataError, UserError
from teacherspec.evaluate.analysis import Analysis, analyse
from teacherspec.evaluate.latency import measure_latency
from teacherspec.evaluate.measured import measured_rows
from teacherspec.evaluate.page import write_page
from teacherspec.evaluate.perturbing import perturbations_of
from teacherspec.evaluate.predict import load_model, predict
from teacherspec.evaluate.report import draw, write_tables
from teacherspec.evaluate.robustness import chosen_perturbations, predict_perturbed
from teacherspec.evaluate.section import Evaluate
from teacherspec.evaluate.slices import SliceQuality
from teacherspec.files import new_folder, write_json
from teacherspec.predictions import (
    PredictionIndex,
    Predictions,
    SliceRows,
    save_index,
    save_predictions,
    save_slices,
)
from teacherspec.prepared import Prepared, load_prepared, open_split
from teacherspec.tasks import Task

NEEDED = ("train", "validation", "calibration", "test")

TAKEN = ("loss_ratio", "robustness")
"""Keys of `metrics.json` beside the names of the splits."""


def run_evaluate(
    task: Task,
    section: Evaluate,
    prepared: Path,
    finetuned: Path,
    output: Path,
    report: Path,
    timing: Path,
) -> Analysis:
    """Predict every split once and report quality.

    Args:
        task: the declared task.
        section: `params.yaml: evaluate`.
        prepared: folder that `prepare` left.
        finetuned: folder that `finetune` left, with `model/`.
        output: folder to create: `predictions/<split>.parquet`, `slices.parquet`, `predictions.json`.
        report: folder for `metrics.json`, `findings.json`, `report.html`, the tables `classes.tsv`,
            `confusion.tsv`, `slices.tsv`, `robustness.tsv`, `label_errors.tsv`, `hardest.tsv` and
            `risk_coverage.tsv`, and a PNG beside four of them.
        timing: JSON file for measured times, which no hash covers.

    Returns:
        What the reports tell.

    Raises:
        UserError: a split that the numbers need is missing, or the model does not fit the splits.
    """
    data, fields = load_prepared(prepared), task.row_fields()
    refuse_missing_rows(data)
    perturbations = chosen_perturbations(perturbations_of(fields), section.perturbations)
    model, processor = load_model(task, finetuned / "model")
    splits = {name: open_split(split) for name, split in data.splits.items()}
    found = {}
    for name, rows in splits.items():
        tell(f"{name}, {len(rows)} rows")
        found[name] = predict(task, model, processor, rows, section.batch_size)
    refuse_foreign_model(data, found["test"])
    tell(f"test under {len(perturbations)} perturbations, {', '.join(perturbations) or 'none'}")
    perturbed = predict_perturbed(
        task,
        model,
        processor,
        splits["test"],
        found["test"],
        perturbations,
        batch_size=section.batch_size,
        seed=section.seed,
    )
    measured = {
        split.name: measured_rows(fields, splits[split.name], found[split.name], data.label_names)
        for split in data.of_role("validation", "calibration", "test", "shifted")
    }
    analysis = analyse(section, data, found, measured, perturbed)
    write_predictions(output, data, found, analysis.slices)
    tell("reports")
    write_tables(report, analysis, section.confidence)
    draw(report, analysis, finetuned, section.confidence)
    write_page(report, analysis, section)
    tell("latency")
    latency = measure_latency(
        task, model, processor, splits["test"], section.latency_examples, section.batch_size
    )
    write_json(timing, latency)
    return analysis


def tell(what: str) -> None:
    """Say on stderr what is being done: a large model takes its time."""
    print(f"evaluate: {what}", file=sys.stderr, flush=True)


def refuse_missing_rows(prepared: Prepared) -> None:
    """Every split that the numbers need is there, with rows enough for an interval and a name of its own.

    Raises:
        DataError: names every split that is missing, has fewer than two rows, or bears a metric's name.
    """
    absent = [name for name in NEEDED if name not in prepared.splits]
    short = [split for split in prepared.splits.values() if split.rows < 2]
    problems = [f"prepare: there is no {name} split to evaluate on; declare one" for name in absent]
    problems += [
        f"prepare: split {split.name} has {split.rows} rows, too few for any interval; give it more"
        for split in short
    ]
    problems += [
        f"prepare: a split cannot be called {name}, which is the name of a metric; give it another"
        for name in TAKEN
        if name in prepared.splits
    ]
    if problems:
        raise DataError(problems)


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
    output: Path, prepared: Prepared, found: Mapping[str, Predictions], slices: Sequence[SliceQuality]
) -> None:
    """The waist: one Parquet a split, the slices of the test split, and the index last."""
    with new_folder(output) as folder:
        for name, predictions in found.items():
            save_predictions(folder / "predictions" / f"{name}.parquet", predictions)
        save_slices(
            folder,
            [SliceRows(one.slice.name, one.family, np.flatnonzero(one.slice.rows())) for one in slices],
        )
        index = PredictionIndex(
            label_names=prepared.label_names,
            roles={name: split.role for name, split in prepared.splits.items()},
            rows={name: split.rows for name, split in prepared.splits.items()},
        )
        save_index(folder, index)
