"""The stage `evaluate`: the last that runs the model for measurement."""

from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.evaluate.latency import measure_latency
from teacherspec.evaluate.predict import load_model, predict
from teacherspec.evaluate.quality import CLASS_COLUMNS, class_rows, confusion_rows, loss_ratio, quality
from teacherspec.evaluate.section import Evaluate
from teacherspec.files import new_folder, round_floats, write_json, write_tsv
from teacherspec.predictions import PredictionIndex, Predictions, save_index, save_predictions
from teacherspec.prepared import Prepared, open_split
from teacherspec.tasks import Task

NEEDED = ("train", "validation", "calibration", "test")


def evaluate(
    task: Task,
    section: Evaluate,
    prepared: Prepared,
    finetuned: Path,
    output: Path,
    report: Path,
    timing: Path,
) -> None:
    """Predict every split once and report quality.

    Args:
        task: the declared task.
        section: `params.yaml: evaluate`.
        prepared: the prepared splits.
        finetuned: folder with `model/`.
        output: folder to create: `predictions/<split>.parquet`, `predictions.json`.
        report: folder for `metrics.json`, `classes.tsv`, `confusion.tsv`.
        timing: JSON file for measured times, which no hash covers.

    Raises:
        DataError: a split that the numbers need is missing.
    """
    absent = [name for name in NEEDED if name not in prepared.splits]
    if absent:
        raise DataError([f"prepare: there is no {name} split to evaluate on; declare one" for name in absent])
    model, processor = load_model(task, finetuned / "model")
    found = {
        name: predict(task, model, processor, open_split(split), section.batch_size)
        for name, split in prepared.splits.items()
    }
    test_rows = open_split(prepared.splits["test"])
    latency = measure_latency(task, model, processor, test_rows, section.latency_examples, section.batch_size)
    write_predictions(output, prepared, found)
    write_reports(report, section, prepared, found)
    write_json(timing, latency)


def write_predictions(output: Path, prepared: Prepared, found: dict[str, Predictions]) -> None:
    """The waist: one Parquet a split, and the index last."""
    with new_folder(output) as folder:
        for name, predictions in found.items():
            save_predictions(folder / "predictions" / f"{name}.parquet", predictions)
        index = PredictionIndex(
            label_names=prepared.label_names,
            roles={name: split.role for name, split in prepared.splits.items()},
            rows={name: split.rows for name, split in prepared.splits.items()},
        )
        save_index(folder, index)


def write_reports(report: Path, section: Evaluate, prepared: Prepared, found: dict[str, Predictions]) -> None:
    """Metrics of every labelled split; classes and confusions of the test split."""
    labelled = [name for name, split in prepared.splits.items() if split.role != "ood"]
    metrics = {
        name: quality(
            found[name], confidence=section.confidence, resamples=section.resamples, seed=section.seed
        )
        for name in labelled
    }
    ratio = loss_ratio(found["validation"], found["train"])
    write_json(report / "metrics.json", round_floats({**metrics, "loss_ratio": ratio}))
    classes = class_rows(found["test"], prepared.label_names, section.confidence)
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, classes)
    write_tsv(
        report / "confusion.tsv", ("label", "predicted"), confusion_rows(found["test"], prepared.label_names)
    )
