"""Measures of classification before and after calibration: of splits, of each class, and out of scope."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from teacherspec.calibrate.before_after import Scored, both, compare
from teacherspec.calibrators.fitted import Calibrator, Temperature, apply
from teacherspec.metrics.calibration import calibration_error_by_class, ece_noise_floor
from teacherspec.metrics.ood import auroc_interval, confidence_log_odds, energy, ood_detection
from teacherspec.predictions.classification import Predictions
from teacherspec.predictions.index import PredictionIndex
from teacherspec.spec.calibrate import Calibrate

CLASS_COLUMNS = ("label", "predicted", "ece_before", "floor_before", "ece_after", "floor_after")


def measure_splits(
    index: PredictionIndex, splits: Mapping[str, Predictions], calibrator: Calibrator, section: Calibrate
) -> dict[str, Any]:
    """Nested measures of every split, `before` and `after` calibration.

    Args:
        index: roles of the splits.
        splits: predictions by name.
        calibrator: fitted on the calibration split.
        section: bins, resamples, seed, level.
    """
    (test,) = index.splits("test")
    measured: dict[str, Any] = {}
    for name, split in splits.items():
        if index.roles[name] == "ood":
            measured[name] = _out_of_scope(splits[test], split, calibrator, section)
        else:
            measured[name] = compare(*both(split.logits, split.labels, calibrator), section)
    return measured


def _out_of_scope(
    inside: Predictions, outside: Predictions, calibrator: Calibrator, section: Calibrate
) -> dict[str, Any]:
    """How well raw and calibrated scores separate test rows (`in`) from rows out of scope (`out`).

    Energy needs unnormalised logits, which only a temperature leaves: after any other calibrator there is
    none.
    """
    pair = (inside.logits, outside.logits)
    scores = {
        "max_probability": {
            "before": [confidence_log_odds(logits) for logits in pair],
            "after": [confidence_log_odds(apply(calibrator, logits)) for logits in pair],
        },
        "energy": {"before": [-energy(logits) for logits in pair]},
    }
    if isinstance(calibrator, Temperature):
        scores["energy"]["after"] = [-energy(logits, temperature=calibrator.temperature) for logits in pair]
    return {
        "rows": len(outside.ids),
        **{
            score: {
                when: {
                    **asdict(ood_detection(*values)),
                    "auroc": asdict(auroc_interval(*values, confidence=section.confidence)),
                }
                for when, values in stages.items()
            }
            for score, stages in scores.items()
        },
    }


def class_rows(
    scored: Sequence[Scored], label_names: Sequence[str], section: Calibrate
) -> list[list[object]]:
    """Rows of `classes.tsv`: top-label ECE of the rows predicted as each class; cells are empty without any.

    Args:
        scored: the test split before and after calibration.
        label_names: C names.
        section: bins.
    """
    rows: list[list[object]] = [[name, 0] for name in label_names]
    for stage in scored:
        predicted = stage.probs.argmax(axis=1)
        errors = calibration_error_by_class(stage.probs, stage.labels, n_bins=section.n_bins)
        for k, error in enumerate(errors):
            confidences = stage.confidences[predicted == k]
            rows[k][1] = len(confidences)
            if error is None:
                rows[k] += ["", ""]
            else:
                floor = ece_noise_floor(confidences, n_bins=section.n_bins)
                rows[k] += [round(error, 6), round(floor, 6)]
    return rows
