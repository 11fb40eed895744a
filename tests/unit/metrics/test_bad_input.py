"""A broken array is refused with its name and row; no metric turns it into a number."""

from functools import partial

import numpy as np
import pytest

from teacherspec.metrics import (
    calibration,
    label_errors,
    ood,
    reliability,
    selective_prediction,
    significance,
    smooth_ece,
    summary,
    temperature_moments,
)
from teacherspec.metrics.scores import classification, intervals, proper_scores, softmax

TOP_LABEL = [
    calibration.expected_calibration_error,
    partial(calibration.expected_calibration_error, binning="equal_mass"),
    calibration.root_mean_squared_calibration_error,
    calibration.maximum_calibration_error,
    calibration.signed_calibration_error,
    calibration.debiased_squared_calibration_error,
    smooth_ece.smooth_ece,
    selective_prediction.risk_coverage,
    selective_prediction.aurc,
    selective_prediction.augrc,
    selective_prediction.correctness_auroc,
    summary.top_label_summary,
    reliability.reliability_bins,
]
FROM_PROBS = [
    calibration.classwise_calibration_error,
    calibration.calibration_error_by_class,
    calibration.top_label_confidence,
    proper_scores.brier,
    proper_scores.brier_per_row,
    proper_scores.brier_parts,
    label_errors.self_confidence,
    label_errors.normalized_margin,
    label_errors.label_issues,
]
FROM_LOGITS = [
    proper_scores.nll,
    proper_scores.nll_per_row,
    partial(temperature_moments.temperature_moments, betas=[1.0]),
]
FROM_LABELS = [
    partial(metric, n_classes=3)
    for metric in (
        classification.accuracy,
        classification.balanced_accuracy,
        classification.macro_f1,
        classification.matthews,
        classification.per_class,
        classification.confusion_matrix,
    )
]
BAD_CONFIDENCES = [
    ([0.5, np.nan, 0.7], r"row 1 is nan"),
    ([0.5, 0.7, np.inf], r"row 2 is inf"),
    ([-0.1, 0.7, 0.1], r"row 0 is -0\.1"),
    ([0.5, 1.0000001, 0.1], r"row 1 is 1\.0000001"),
    ([], r"shape \[0\]"),
    ([[0.5, 0.7]], r"shape \[1, 2\]"),
    (["a", "b"], r"expected real numbers"),
    ([0.5, 0.7 + 1j], r"expected real numbers"),
]


@pytest.mark.parametrize("metric", TOP_LABEL)
@pytest.mark.parametrize(("confidences", "message"), BAD_CONFIDENCES)
def test_confidences(metric, confidences, message):
    with pytest.raises(ValueError, match=message):
        metric(confidences, np.ones(len(confidences), dtype=int))


@pytest.mark.parametrize("metric", TOP_LABEL)
@pytest.mark.parametrize(
    ("correct", "message"),
    [([1, 0, 2], r"row 2 is 2"), ([1.0, np.nan, 0.0], r"row 1 is nan"), ([1, 0], r"2 rows; expected 3")],
)
def test_correct(metric, correct, message):
    with pytest.raises(ValueError, match=message):
        metric([0.5, 0.6, 0.7], correct)


@pytest.mark.parametrize("metric", [calibration.ece_noise_floor, calibration.ece_noise_quantile])
@pytest.mark.parametrize(("confidences", "message"), BAD_CONFIDENCES)
def test_noise(metric, confidences, message):
    with pytest.raises(ValueError, match=message):
        metric(confidences)


@pytest.mark.parametrize("metric", FROM_PROBS)
@pytest.mark.parametrize(
    ("probs", "given", "message"),
    [
        ([[0.5, 0.5], [np.nan, 1.0]], [0, 1], r"row 1 is \[nan"),
        ([[0.5, 0.5], [0.5, 0.6]], [0, 1], r"row 1 sums to 1\.1"),
        ([[1.5, -0.5], [0.5, 0.5]], [0, 1], r"row 0 is \[1\.5"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, 2], r"labels: row 1 is 2"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, -1], r"labels: row 1 is -1"),
        ([[0.5, 0.5], [0.5, 0.5]], [0.0, 1.0], r"expected integers"),
        ([[0.5, 0.5], [0.5, 0.5]], [0], r"1 rows; expected 2"),
        ([0.5, 0.5], [0, 1], r"expected \[N, C\]"),
        (np.empty((0, 2)), [], r"at least one row"),
    ],
)
def test_probs(metric, probs, given, message):
    with pytest.raises(ValueError, match=message):
        metric(probs, given)


@pytest.mark.parametrize("metric", FROM_LOGITS)
@pytest.mark.parametrize(
    ("logits", "given", "message"),
    [
        ([[0.0, 1.0], [np.nan, 1.0]], [0, 1], r"row 1 holds nan"),
        ([[0.0, 1.0], [np.inf, 1.0]], [0, 1], r"row 1 holds inf"),
        ([[0.0, 1.0], [-np.inf, -np.inf]], [0, 1], r"row 1 holds -inf"),
        ([[0.0, 1.0], [-np.inf, 0.0]], [0, 0], r"row 1 is -inf on its label 0"),
        ([[0.0, 1.0], [1.0, 0.0]], [0, 2], r"labels: row 1 is 2"),
        ([[0.0, 1.0], [1.0, 0.0]], [0], r"1 rows; expected 2"),
        (np.empty((2, 0)), [0, 0], r"at least one row"),
    ],
)
def test_logits(metric, logits, given, message):
    with pytest.raises(ValueError, match=message):
        metric(logits, given)


@pytest.mark.parametrize("metric", FROM_LABELS)
@pytest.mark.parametrize(
    ("given", "predicted", "message"),
    [
        ([0, 3], [0, 1], r"labels: row 1 is 3; expected 0\.\.2"),
        ([0, 1], [-1, 1], r"predicted: row 0 is -1"),
        ([0, 1], [0], r"predicted: given 1 rows; expected 2"),
        ([], [], r"shape \[0\]"),
    ],
)
def test_labels(metric, given, predicted, message):
    with pytest.raises(ValueError, match=message):
        metric(given, predicted)


UNDEFINED = [
    (lambda: classification.matthews([0, 0], [0, 1], n_classes=2), "one class"),
    (
        lambda: selective_prediction.correctness_auroc([0.5, 0.6], [1, 1]),
        "undefined with 2 positive and 0 negative",
    ),
    (lambda: ood.ood_detection([0.5], []), "out_scores"),
    (lambda: ood.ood_detection([0.5, np.nan], [0.1]), "in_scores: row 1 is nan"),
    (lambda: ood.auroc_interval([0.5], [0.1, 0.2]), "at least 2 on each side"),
    (lambda: ood.energy([[0.0, 1.0]], temperature=0.0), "positive"),
    (lambda: ood.confidence_log_odds([[1.0]]), "at least two classes"),
    (lambda: ood.confidence_log_odds([[1.0, -np.inf]]), "row 0 is -inf"),
    (lambda: intervals.wilson_interval(1, 0), "trials"),
    (lambda: intervals.wilson_interval(3, 2), "successes"),
    (lambda: intervals.wilson_interval(1, 2, confidence=95), "between 0 and 1"),
    (lambda: intervals.mean_interval([1.0]), "at least 2"),
    (lambda: intervals.bootstrap(lambda rows: np.nan, 5), "not finite"),
    (lambda: intervals.bootstrap(lambda rows: 1.0, 5, n_resamples=0), "n_resamples"),
    (lambda: significance.mcnemar_exact(-1, 2), "counts"),
    (lambda: significance.compare_accuracy([1, 0], [1]), "1 rows; expected 2"),
    (lambda: significance.paired_bootstrap([1.0, 2.0], [1.0, np.inf]), "row 1 is inf"),
    (lambda: significance.benjamini_hochberg([0.5, 1.5]), "expected"),
    (lambda: significance.benjamini_hochberg([np.nan]), "row 0 is nan"),
    (lambda: calibration.expected_calibration_error([0.5], [1], n_bins=0), "n_bins"),
    (lambda: calibration.expected_calibration_error([0.5], [1], binning="quantile"), "equal_mass"),
    (lambda: calibration.ece_noise_quantile([0.5], quantile=95), "quantile"),
    (lambda: softmax.softmax([[0.0, np.nan]]), "row 0 holds nan"),
    (lambda: softmax.top_label([[0.0, np.nan]]), "row 0 holds nan"),
    (
        lambda: temperature_moments.temperature_moments([[0.0, 1.0]], [0], betas=[1.0], weights=[-1.0]),
        "weights: row 0",
    ),
    (
        lambda: temperature_moments.temperature_moments([[0.0, 1.0]], [0], betas=[1.0], weights=[0.0]),
        "all are 0",
    ),
    (
        lambda: temperature_moments.temperature_moments([[0.0, 1.0]], [0], betas=[1.0], weights=[1.0, 1.0]),
        "shape",
    ),
]


@pytest.mark.parametrize(("call", "message"), UNDEFINED)
def test_what_is_undefined_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_row_one_class_and_half_precision_are_legal():
    assert calibration.expected_calibration_error([1.0], [True]) == 0.0
    assert calibration.classwise_calibration_error([[1.0]], [0]) == 0.0
    assert proper_scores.nll([[3.0]], [0]) == 0.0
    assert proper_scores.brier(softmax.softmax(np.array([[1, 2]], np.float16)), [1]) > 0
    assert selective_prediction.aurc([0.5], [0]) == 1.0
    assert label_errors.normalized_margin([[1.0]], [0]) == pytest.approx([1.0])
