"""Calibration of classification: the declared method, fitted on logits `[N, C]` of the calibration split."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from teacherspec.calibrate.before_after import at_temperature, both
from teacherspec.calibrate.classification.abstention import abstention_rule, measure_abstention
from teacherspec.calibrate.classification.report import CLASS_COLUMNS, class_rows, measure_splits
from teacherspec.calibrate.classification.slices import COLUMNS, calibration_by_slice
from teacherspec.calibrate.result import WHEN, Calibrated, Table, artifact, fit_numbers, headline
from teacherspec.calibrate.splits import split_problems
from teacherspec.calibrators.fit import Rows, fit
from teacherspec.errors import DataError
from teacherspec.predictions.classification import OUT_OF_FOLD, Predictions, load_predictions, load_slices
from teacherspec.predictions.index import PredictionIndex
from teacherspec.spec.calibrate import Calibrate

ROLES = ("calibration", "test", "shifted", "ood")
APPLIES_TO = "raw logits of the packaged model, temperature 1; apply once"


def calibrate_classification(section: Calibrate, index: PredictionIndex, predictions: Path) -> Calibrated:
    """Fit the declared method and measure its effect on every reported split.

    Args:
        section: `params.yaml: calibrate`.
        index: roles of the splits, and class names.
        predictions: folder that `evaluate` left.

    Raises:
        DataError: a split is missing or too small, rows overlap, or logits or labels are invalid.
    """
    splits = {name: load_predictions(predictions, name) for role in ROLES for name in index.splits(role)}
    unseen = load_predictions(predictions, OUT_OF_FOLD) if section.rows != "calibration" else None
    check_splits(index, splits, unseen)
    (calibration,), (test,) = index.splits("calibration"), index.splits("test")
    further = None if unseen is None else Rows(unseen.logits, unseen.labels)
    fitted = fit(section.method, splits[calibration].logits, splits[calibration].labels, further)
    measured = measure_splits(index, splits, fitted.calibrator, section)
    in_sample = headline(measured[calibration], ("rows",), ("nll", "brier", "ece"))
    measured[calibration] = {**fit_numbers(fitted, measured[test]), **in_sample}
    if unseen is not None:
        measured[calibration]["out_of_fold_rows"] = fitted.further_rows
    rule = None
    if section.abstain is not None:
        (validation,) = index.splits("validation")
        rule = abstention_rule(
            section.abstain, splits[calibration], load_predictions(predictions, validation)
        )
        for name, split in splits.items():
            measured[name]["abstention"] = measure_abstention(rule, split, index.roles[name], section)
    scored = both(splits[test].logits, splits[test].labels, fitted.calibrator)
    by_slice = calibration_by_slice(load_slices(predictions), *scored, section)
    return Calibrated(
        artifact={
            **artifact(section, fitted, splits[calibration].ids, in_sample, APPLIES_TO),
            "abstention": rule,
        },
        metrics=measured,
        fitted=fitted,
        test=test,
        scored=dict(zip(WHEN, scored, strict=True)),
        at_temperature=partial(at_temperature, splits[test].logits, splits[test].labels),
        tables={
            "classes.tsv": Table(CLASS_COLUMNS, class_rows(scored, index.label_names, section)),
            "slices.tsv": Table(COLUMNS, [one.row() for one in by_slice]),
        },
    )


def check_splits(
    index: PredictionIndex, splits: Mapping[str, Predictions], unseen: Predictions | None = None
) -> None:
    """Check roles, rows, logits and labels of all splits, and of train rows out of fold.

    Raises:
        DataError: names every problem.
    """
    ids = {name: split.ids for name, split in splits.items()}
    problems = list(split_problems(index, ids, () if unseen is None else unseen.ids))
    for name, split in splits.items():
        problems += _row_problems(name, index.roles[name], split, len(index.label_names))
    if unseen is not None:
        problems += _row_problems(OUT_OF_FOLD, "train", unseen, len(index.label_names))
    if problems:
        raise DataError(problems)


def _row_problems(name: str, role: str, split: Predictions, n_classes: int) -> Iterator[str]:
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
