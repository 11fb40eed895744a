"""The rule by which a classifier abstains, and what it does to every split."""

from collections.abc import Mapping
from typing import Any

from teacherspec.calibrators.abstention import SCORE, abstention_threshold, accept, thresholds
from teacherspec.metrics.ood import confidence_log_odds
from teacherspec.predictions.classification import Predictions
from teacherspec.spec.calibrate import Abstention, Calibrate


def abstention_rule(section: Abstention, calibration: Predictions, validation: Predictions) -> dict[str, Any]:
    """The rule for `calibration.json`: its terms, and `threshold`, None where the rows prove none.

    Args:
        section: `calibrate.abstain`.
        calibration: rows that prove a threshold.
        validation: rows whose scores are the thresholds to test.
    """
    threshold = abstention_threshold(
        calibration.logits,
        calibration.labels,
        thresholds(confidence_log_odds(validation.logits)),
        risk=section.risk,
        guarantee=section.guarantee,
    )
    return {**section.model_dump(), "score": SCORE, "threshold": threshold}


def measure_abstention(
    rule: Mapping[str, Any], split: Predictions, role: str, section: Calibrate
) -> dict[str, Any]:
    """Share of accepted rows of a split and their error rate; of the calibration split the threshold."""
    threshold = rule["threshold"]
    if role == "calibration":
        return {"proven": int(threshold is not None)} | (
            {} if threshold is None else {"threshold": threshold}
        )
    if threshold is None:
        return {"coverage": 0.0}
    if role == "ood":
        return {"coverage": float((confidence_log_odds(split.logits) >= threshold).mean())}
    return accept(split.logits, split.labels, threshold).measures(section.confidence)
