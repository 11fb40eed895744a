"""Measures of generation before and after calibration: of tokens, by prompt, and of whole answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from teacherspec.calibrate.clustered import compare_clustered
from teacherspec.calibrators.answer_confidence import answer_confidences, score_answers
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.scores.intervals import wilson_interval
from teacherspec.metrics.selective_prediction import augrc, aurc, correctness_auroc
from teacherspec.predictions.generation import Answer
from teacherspec.spec.calibrate import Calibrate


def compare_tokens(
    rows: int, before: ClusteredScores, after: ClusteredScores, section: Calibrate
) -> dict[str, Any]:
    """Nested measures of one split, see `compare_clustered`; a cluster is a prompt with all its rows.

    Args:
        rows: number of them.
        before: tokens at temperature 1.
        after: the same tokens at the fitted temperature.
        section: bins, resamples, seed, level.
    """
    counts = {"rows": rows, "tokens": len(before.cluster), "argmax_changed": 0}
    return {**counts, **compare_clustered(before, after, section)}


def compare_answers(
    answers: Sequence[Answer], temperature: float, curve: Mapping[str, Any], section: Calibrate
) -> dict[str, Any]:
    """Calibration of test answers: of their length-normalised probability, then of the fitted curve.

    `aurc`, `augrc` and `correctness_auroc` depend on the order alone, which the curve does not change.

    Args:
        answers: N answers with their references.
        temperature: of the tokens.
        curve: fitted by `fit_answer_curve`.
        section: bins and level.
    """
    confidences, correct = score_answers(answers, temperature)
    share = wilson_interval(int(correct.sum()), len(correct), confidence=section.confidence)
    measured: dict[str, Any] = {
        "rows": len(answers),
        "exact_match": asdict(share),
        "aurc": aurc(confidences, correct),
        "augrc": augrc(confidences, correct),
        "ece": {"before": expected_calibration_error(confidences, correct, n_bins=section.n_bins)},
    }
    if 0 < correct.sum() < len(correct):
        measured["correctness_auroc"] = correctness_auroc(confidences, correct)
    if curve["status"] == "ok":
        after = answer_confidences(answers, temperature, curve)
        measured["ece"]["after"] = expected_calibration_error(after, correct, n_bins=section.n_bins)
    return measured
