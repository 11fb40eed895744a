"""The stage `evaluate`: the last that runs the model for measurement."""

from collections.abc import Mapping
from pathlib import Path

from teacherspec.errors import DataError, UserError
from teacherspec.evaluate.latency import measure_latency
from teacherspec.evaluate.predict import load_model, predict
from teacherspec.evaluate.quality import CLASS_COLUMNS, class_rows, confusion_rows, loss_ratio, quality
from teacherspec.evaluate.section import Evaluate
from teacherspec.files import new_folder, round_floats, write_json, write_tsv
from teacherspec.predictions import PredictionIndex, Predictions, save_index, save_predictions
from teacherspec.prepared import Prepared, load_prepared, open_split
from teacherspec.tasks import Task

NEEDED = ("train", "validation", "calibration", "test")


def run_evaluate(
    task: Task,
    section: Evaluate,
    prepared: Path,
    finetuned: Path,
    output: Path,
    report: Path,
    timing: Path,
) -> None:
    """Predict every split once and report quality.

    Args:
        task: the declared task.
        section: `params.yaml: evaluate`.
        prepared: folder that `prepare` left.
        finetuned: folder that `finetune` left, with `model/`.
        output: folder to create: `predictions/<split>.parquet`, `predictions.json`.
        report: folder for `metrics.json`, `classes.tsv`, `confusion.tsv`.
        timing: JSON file for measured times, which no hash covers.

    Raises:
        UserError: a split that the numbers need is missing, or the model does not fit the splits.
    """
    data = load_prepared(prepared)
    refuse_missing_rows(data)
    model, processor = load_model(task, finetuned / "model")
    splits = {name: open_split(split) for name, split in data.splits.items()}
    found = {name: predict(task, model, processor, rows, section.batch_size) for name, rows in splits.items()}
    refuse_foreign_model(data, found["test"])
    write_predictions(output, data, found)
    write_reports(report, section, data, found)
    write_json(
        timing,
        measure_latency(task, model, processor, splits["test"], section.latency_examples, section.batch_size),
    )


def refuse_missing_rows(prepared: Prepared) -> None:
    """Every split that the numbers need is there, with rows enough for an interval.

    Raises:
        DataError: names every split that is missing or has fewer than two rows.
    """
    absent = [name for name in NEEDED if name not in prepared.splits]
    short = [split for split in prepared.splits.values() if split.rows < 2]
    problems = [f"prepare: there is no {name} split to evaluate on; declare one" for name in absent]
    problems += [
        f"prepare: split {split.name} has {split.rows} rows, too few for any interval; give it more"
        for split in short
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


def write_predictions(output: Path, prepared: Prepared, found: Mapping[str, Predictions]) -> None:
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


def write_reports(
    report: Path, section: Evaluate, prepared: Prepared, found: Mapping[str, Predictions]
) -> None:
    """Metrics of every labelled split, rows of the others; classes and confusions of the test split."""
    metrics: dict[str, object] = {split.name: {"rows": split.rows} for split in prepared.of_role("ood")}
    for name in prepared.splits.keys() - metrics.keys():
        metrics[name] = quality(
            found[name], confidence=section.confidence, resamples=section.resamples, seed=section.seed
        )
    metrics["loss_ratio"] = loss_ratio(found["validation"], found["train"])
    write_json(report / "metrics.json", round_floats(metrics))
    classes = class_rows(found["test"], prepared.label_names, section.confidence)
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, classes)
    write_tsv(
        report / "confusion.tsv", ("label", "predicted"), confusion_rows(found["test"], prepared.label_names)
    )
