"""The stage `evaluate`: the last that runs the model for measurement."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.errors import DataError, UserError
from teacherspec.evaluate.classification.evaluate import evaluate_classes
from teacherspec.evaluate.context import Work, tell
from teacherspec.evaluate.generation.evaluate import evaluate_tokens
from teacherspec.evaluate.latency import measure_latency
from teacherspec.evaluate.retrieval.evaluate import evaluate_pairs
from teacherspec.inference.classification import load_model, load_untrained
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.runtime.device_placement import fits_each
from teacherspec.spec.evaluate import Evaluate
from teacherspec.splits import Prepared, load_prepared, open_split
from teacherspec.tasks.base import Kind, OutputType

NEEDED = ("train", "validation", "calibration", "test")

TAKEN = ("base", "candidate_set_size", "loss_ratio", "robustness")
"""Keys of `metrics.json` beside the names of the splits."""

FORMS: Mapping[OutputType, Callable[[Work], str | None]] = {
    "classification": evaluate_classes,
    "generation": evaluate_tokens,
    "retrieval": evaluate_pairs,
}
"""By the form of predictions: predict every split, write predictions and reports, say how good it is."""


def run_evaluate(
    task: Kind,
    section: Evaluate,
    prepared: Path,
    finetuned: Path,
    output: Path,
    report: Path,
    timing: Path,
    about_data: Path | None = None,
    untrained: Callable[[], Path] | None = None,
) -> str | None:
    """Predict every split once and report quality.

    Args:
        task: the declared task.
        section: `params.yaml: evaluate`.
        prepared: folder that `prepare` left.
        finetuned: folder that `finetune` left, with `model/`.
        output: folder to create: `predictions/<split>.parquet`, `predictions.json` and more.
        report: folder for `metrics.json`, `findings.json`, `report.html`, and tables and pictures of them.
        timing: JSON file for measured times, which no hash covers.
        about_data: `metrics.json` of `prepare`, for the page; None leaves its section out.
        untrained: gives the verified folder of the base; forms that measure it too need it.

    Returns:
        How good it is, in a line; None for a process that only helped to compute.

    Raises:
        UserError: a split that the numbers need is missing, or the model does not fit the splits.
    """
    data = load_prepared(prepared)
    refuse_missing_rows(data)
    distributed.init()
    if not (fits_each(finetuned / "model") or distributed.leave_group()):
        return None
    model, processor = load_model(task, finetuned / "model")
    processor = task.cache_shared_inputs(model, processor)
    splits = {name: open_split(split) for name, split in data.splits.items()}
    counted = read_json(about_data) if about_data is not None else None

    def load_base() -> tuple[Any, Any]:
        if untrained is None:
            raise UserError("evaluate: this kind of task is measured beside its base; give the base")
        folder = distributed.broadcast(untrained() if distributed.is_main_process() else Path())
        return load_untrained(task, folder, data.label_names)

    work = Work(task, section, data, splits, model, processor, finetuned, output, report, load_base, counted)
    headline = FORMS[task.output_type](work)
    if headline is None:
        return None
    tell("latency")
    latency = measure_latency(
        task, model, processor, splits["test"], section.latency_examples, section.batch_size
    )
    write_json(timing, latency)
    return headline


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
