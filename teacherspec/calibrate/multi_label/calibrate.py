"""Calibration of multi-label teachers: the probability of each label, and from which it is predicted."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrate.multi_label.report import (
    LABEL_COLUMNS,
    compare_labels,
    label_rows,
    measure_thresholds,
)
from teacherspec.calibrate.result import WHEN, Calibrated, Table, artifact, fit_numbers, headline
from teacherspec.calibrate.splits import method_problems, split_problems
from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.label_scaling import METHODS, fit_labels
from teacherspec.calibrators.label_thresholds import as_saved, fit_thresholds
from teacherspec.errors import DataError
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.label_calibration import label_decisions
from teacherspec.metrics.scores.multi_label import sigmoid
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.multi_label import LabelPredictions, load_label_predictions
from teacherspec.spec.calibrate import Calibrate

ROLES = ("calibration", "test", "shifted")
APPLIES_TO = "raw logits of the packaged model, temperature 1; apply once, then sigmoid for each label"


def calibrate_multi_label(section: Calibrate, index: PredictionIndex, predictions: Path) -> Calibrated:
    """Fit the declared method and thresholds on the calibration split, and measure both on every other.

    Args:
        section: `params.yaml: calibrate`.
        index: roles of the splits, and label names.
        predictions: folder that `evaluate` left.

    Raises:
        DataError: a split is missing or too small, rows overlap, logits or labels are invalid, or the method
            is for classes that exclude each other.
    """
    names = [name for role in ROLES for name in index.splits(role)]
    splits = {name: load_label_predictions(predictions, name) for name in names}
    check_splits(section, index, splits)
    (calibration,), (test,) = index.splits("calibration"), index.splits("test")
    logits = {name: part.logits.astype(np.float64) for name, part in splits.items()}
    labels = {name: part.labels.astype(bool) for name, part in splits.items()}
    fitted = fit_labels(section.method, logits[calibration], labels[calibration].astype(np.float64))
    after = {name: label_logits(fitted.calibrator, one) for name, one in logits.items()}
    thresholds = fit_thresholds(section.thresholds, sigmoid(after[calibration]), labels[calibration])
    measured: dict[str, Any] = {
        name: compare_labels(logits[name], after[name], labels[name], section) for name in names
    }
    for name in names:
        if name != calibration:
            measured[name]["thresholds"] = measure_thresholds(after[name], labels[name], thresholds, section)
    in_sample = headline(measured[calibration], ("rows",), ("nll", "brier", "ece"))
    measured[calibration] = {
        **fit_numbers(fitted, measured[test]),
        **in_sample,
        "labels_never_predicted": thresholds.count(None),
    }
    pair = {"before": logits[test], "after": after[test]}
    scored = {when: label_decisions(one, labels[test]) for when, one in pair.items()}

    def at_temperature(temperature: float) -> ClusteredScores:
        return label_decisions(logits[test] / temperature, labels[test])

    content = artifact(section, fitted, splits[calibration].ids, in_sample, APPLIES_TO)
    rows = label_rows(pair, labels[test], thresholds, index.label_names, section.n_bins)
    return Calibrated(
        artifact={**content, "thresholds": as_saved(section.thresholds, thresholds, index.label_names)},
        metrics=measured,
        fitted=fitted,
        test=test,
        scored={when: scored[when] for when in WHEN},
        at_temperature=at_temperature,
        tables={"labels.tsv": Table(LABEL_COLUMNS, rows)},
    )


def check_splits(section: Calibrate, index: PredictionIndex, splits: Mapping[str, LabelPredictions]) -> None:
    """Check the declared method, and roles, rows, logits and labels of all splits.

    Raises:
        DataError: names every problem.
    """
    ids = {name: split.ids for name, split in splits.items()}
    problems = [*split_problems(index, ids), *method_problems(section, METHODS, "multi-label")]
    for name, split in splits.items():
        problems += _row_problems(name, split, len(index.label_names))
    if problems:
        raise DataError(problems)


def _row_problems(name: str, split: LabelPredictions, n_labels: int) -> Iterator[str]:
    if split.logits.shape[1] != n_labels:
        yield f"evaluate: split {name} has {split.logits.shape[1]} logits a row for {n_labels} label names"
        return
    for row in np.flatnonzero(~np.isfinite(split.logits).all(axis=1))[:1]:
        yield f"evaluate: split {name}, row {split.ids[row]}: logits are not finite; the model is broken"
    for row in np.flatnonzero(~np.isin(split.labels, (0, 1)).all(axis=1))[:1]:
        yield (
            f"prepare: split {name}, row {split.ids[row]}: its labels are not known; give it labels, or the "
            "split the role transfer"
        )
