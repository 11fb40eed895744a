"""Calibration of scores: a line where it helps, intervals, and how often they hold on test rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrate.regression.report import write_report
from teacherspec.calibrate.splits import method_problems, split_problems
from teacherspec.calibrators.score_interval import ScoreInterval, fewest_rows, fit_score_interval
from teacherspec.errors import DataError
from teacherspec.metrics.scores.intervals import mean_interval, wilson_interval
from teacherspec.metrics.scores.regression import coverage, score_metrics
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.regression import ScorePredictions, load_scores
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json
from teacherspec.spec.calibrate import Calibrate, Conformal

METHODS = ("conformal", "none")
ERRORS = ("mse", "rmse", "mae")
APPLIES_TO = "the score of a row: slope * score + intercept, within radius of which its label lies"


def calibrate_regression(
    section: Calibrate, index: PredictionIndex, predictions: Path, output: Path, report: Path
) -> None:
    """Fit on the calibration split, measure on test and shifted ones, and write everything.

    Args:
        section: `params.yaml: calibrate`.
        index: of the predictions.
        predictions: folder that `evaluate` left.
        output: folder to create, with `calibration.json`.
        report: folder of the report.

    Raises:
        DataError: the calibration or test split is missing or too small, or their rows overlap.
    """
    names = [name for role in ("calibration", "test", "shifted") for name in index.splits(role)]
    splits = {name: load_scores(predictions, name) for name in names}
    check_splits(section, index, splits)
    (calibration,), (test,) = index.splits("calibration"), index.splits("test")
    fitted_on = splits[calibration]
    interval, reason = fit_score_interval(
        section.method, fitted_on.scores.astype(np.float64), fitted_on.labels
    )
    metrics: dict[str, Any] = {
        name: measure(interval, part, section) for name, part in splits.items() if name != calibration
    }
    fit = before_after(interval, fitted_on)
    known = {name: value for name, value in interval.model_dump().items() if isinstance(value, float)}
    fitted = int(not metrics[test]["worsened"])
    metrics[calibration] = {"fitted": fitted, "rows": len(fitted_on.ids), **known, **fit}
    with new_folder(output) as folder:
        write_json(folder / "calibration.json", artifact(section, interval, reason, fitted_on, fit))
        write_json(folder / "temperatures.json", [])
    write_report(report, metrics, interval, splits[calibration], splits[test])


def measure(interval: ScoreInterval, part: ScorePredictions, section: Calibrate) -> dict[str, Any]:
    """Errors before and after, and how many labels lie in their interval, of a split not fitted on.

    `noise`: half the width of what a perfect interval of this level shows on as many rows in 95 of 100 draws.
    """
    scores, labels = part.scores.astype(np.float64), part.labels
    corrected = interval.corrected(scores)
    change = mean_interval(
        (corrected - labels) ** 2 - (scores - labels) ** 2,
        n_resamples=section.resamples,
        seed=section.seed,
        confidence=section.confidence,
    )
    found: dict[str, Any] = {
        "rows": len(labels),
        **before_after(interval, part),
        "worsened": int(change.low > 0),
    }
    found["mse"]["change"] = asdict(change)
    if interval.radius is not None and interval.level is not None:
        covered = coverage(corrected, labels, interval.radius, interval.level)
        hits = wilson_interval(int(covered.hits.sum()), len(labels), confidence=section.confidence)
        found["interval"] = {
            "coverage": asdict(hits),
            "level": interval.level,
            "noise": covered.noise,
            "error": abs(covered.share - interval.level),
            "width": 2 * interval.radius,
        }
    return found


def before_after(interval: ScoreInterval, part: ScorePredictions) -> dict[str, Any]:
    """Errors of the scores of a split as they are and as corrected."""
    scores = part.scores.astype(np.float64)
    by_stage = {"before": scores, "after": interval.corrected(scores)}
    found = {when: score_metrics(one, part.labels) for when, one in by_stage.items()}
    return {name: {when: found[when][name] for when in found} for name in ERRORS}


def artifact(
    section: Calibrate, interval: ScoreInterval, reason: str, part: ScorePredictions, fit: Mapping[str, Any]
) -> dict[str, Any]:
    """Content of `calibration.json`."""
    return {
        "applies_to": APPLIES_TO,
        "before_after": round_floats(dict(fit)),
        "calibrator": interval.model_dump(mode="json"),
        "declared": section.method.model_dump(mode="json"),
        "keeps_argmax": True,
        "out_of_fold_rows": 0,
        "reason": reason,
        "row_ids_sha256": hashlib.sha256("\n".join(sorted(part.ids)).encode()).hexdigest(),
        "rows": len(part.ids),
        "standard_error": None,
        "status": "ok",
        "temperature": None,
    }


def check_splits(section: Calibrate, index: PredictionIndex, splits: Mapping[str, ScorePredictions]) -> None:
    """Check the declared method, and roles and rows of all splits.

    Raises:
        DataError: names every problem.
    """
    ids = {name: split.ids for name, split in splits.items()}
    problems = [*split_problems(index, ids), *method_problems(section, METHODS, "regression")]
    if isinstance(section.method, Conformal):
        least = fewest_rows(section.method.level)
        problems += [
            f"calibrate.method.level: {section.method.level:g} needs at least {least} calibration rows "
            f"(split {name} has {len(ids[name])}); add rows, or lower it"
            for name in index.splits("calibration")
            if name in ids and len(ids[name]) < least
        ]
    if problems:
        raise DataError(problems)
