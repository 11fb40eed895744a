"""The stage `calibrate`: fit on the calibration split, report on the others. Predictions only, no model."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrate.artifact import (
    MINIMUM_ROWS,
    artifact,
    both,
    fit_numbers,
    headline,
    overlaps,
    wrong_roles,
)
from teacherspec.calibrate.before_after import compare
from teacherspec.calibrate.classification.report import draw, out_of_scope, write_tables
from teacherspec.calibrate.generation.calibrate import calibrate_tokens
from teacherspec.calibrate.retrieval.calibrate import calibrate_pairs
from teacherspec.calibrate.slices import COLUMNS, calibration_by_slice
from teacherspec.errors import DataError
from teacherspec.predictions.classification import (
    PredictionIndex,
    Predictions,
    load_index,
    load_predictions,
    load_slices,
)
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json, write_tsv
from teacherspec.spec.calibrate import Calibrate

ROLES = ("calibration", "test", "shifted", "ood")

APPLIES_TO = "raw logits of the packaged model, temperature 1; apply once"


def run_calibrate(section: Calibrate, predictions: Path, output: Path, report: Path) -> None:
    """Fit the declared calibrator and report what it does.

    Args:
        section: `params.yaml: calibrate`.
        predictions: folder that `evaluate` left.
        output: folder to create, with `calibration.json`.
        report: folder for `metrics.json`, `reliability.tsv`, `classes.tsv`, `slices.tsv`,
            `risk_coverage.tsv`, `reliability.png` and `risk_coverage.png`.

    Raises:
        DataError: the calibration or test split is missing or too small, their rows overlap, or a row's
            logits or label are broken; all problems at once.
    """
    index = load_index(predictions)
    FORMS[index.output_type](section, index, predictions, output, report)


def calibrate_classes(
    section: Calibrate, index: PredictionIndex, predictions: Path, output: Path, report: Path
) -> None:
    """The same where predictions are logits of classes. Raises `DataError`."""
    splits = {name: load_predictions(predictions, name) for role in ROLES for name in index.splits(role)}
    refuse_broken(index, splits)
    calibration = splits[index.splits("calibration")[0]]
    test = splits[index.splits("test")[0]]
    fitted = section.method.fit(calibration.logits, calibration.labels)
    in_sample = compare(*both(calibration.logits, calibration.labels, fitted), section)
    measured: dict[str, Any] = {"calibration": {**fit_numbers(fitted), **headline(in_sample)}}
    for name in (*index.splits("test"), *index.splits("shifted")):
        measured[name] = compare(*both(splits[name].logits, splits[name].labels, fitted), section)
    for name in index.splits("ood"):
        measured[name] = out_of_scope(test, splits[name], fitted.calibrator, section)
    with new_folder(output) as folder:
        write_json(
            folder / "calibration.json",
            artifact(section, fitted, calibration.ids, headline(in_sample), APPLIES_TO),
        )
    before_after = dict(zip(("before", "after"), both(test.logits, test.labels, fitted), strict=True))
    write_tables(report, before_after, index.label_names, section)
    by_slice = calibration_by_slice(
        load_slices(predictions), before_after["before"], before_after["after"], section
    )
    write_tsv(report / "slices.tsv", COLUMNS, [one.row() for one in by_slice])
    draw(report, before_after, measured[index.splits("test")[0]], fitted.calibrator, section)
    write_json(report / "metrics.json", round_floats(measured))


def refuse_broken(index: PredictionIndex, splits: dict[str, Predictions]) -> None:
    """Everything that calibration rests on is there and sound.

    Raises:
        DataError: names every problem.
    """
    problems = list(wrong_roles(index))
    for name, split in splits.items():
        problems += _problems_of(name, index.roles[name], split, len(index.label_names))
    problems += overlaps(index, {name: split.ids for name, split in splits.items()})
    if problems:
        raise DataError(problems)


def _problems_of(name: str, role: str, split: Predictions, n_classes: int) -> Iterator[str]:
    least = MINIMUM_ROWS if role == "calibration" else 2
    if len(split.ids) < least:
        yield f"prepare: split {name} has {len(split.ids)} rows; calibration needs at least {least}, add rows"
        return
    if split.logits.shape[1] != n_classes:
        yield f"evaluate: split {name} has {split.logits.shape[1]} logits a row for {n_classes} label names"
        return
    for row in np.flatnonzero(~np.isfinite(split.logits).all(axis=1))[:1]:
        yield f"evaluate: split {name}, row {split.ids[row]}: logits are not finite; the model is broken"
    outside = (split.labels < 0) | (split.labels >= n_classes)
    for row in np.flatnonzero(outside if role != "ood" else np.zeros_like(outside))[:1]:
        yield (
            f"prepare: split {name}, row {split.ids[row]}: label {split.labels[row]} is outside "
            f"0..{n_classes - 1}; give it a label, or the split the role ood"
        )


FORMS: Mapping[str, Callable[[Calibrate, PredictionIndex, Path, Path, Path], None]] = {
    "classification": calibrate_classes,
    "generation": calibrate_tokens,
    "retrieval": calibrate_pairs,
}
"""By the form of predictions: fit, write the calibrator, report."""
