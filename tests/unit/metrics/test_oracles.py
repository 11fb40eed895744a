"""Every metric against an implementation that shares no code with it."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk
from scipy.integrate import quad

from teacherspec.metrics import calibration, ood, selective_prediction, significance, summary
from teacherspec.metrics.calibration import (
    calibration_error_by_class,
    classwise_calibration_error,
    ece_noise_floor,
    ece_noise_quantile,
    expected_calibration_error,
    top_label_confidence,
)
from teacherspec.metrics.label_errors import label_issues
from teacherspec.metrics.reliability import reliability_bins
from teacherspec.metrics.scores import classification, intervals, proper_scores
from teacherspec.metrics.scores.softmax import log_softmax, softmax
from teacherspec.metrics.smooth_ece import smooth_ece
from tests.unit.calibrate.toy_predictions import planted

LOGITS, LABELS = planted(500, 5, 1.7, seed=11)
PREDICTED = LOGITS.argmax(axis=1)
CONFIDENCES, CORRECT = top_label_confidence(softmax(LOGITS), LABELS)
EXACT = {"rel": 1e-12, "abs": 1e-12}


def test_classification_agrees_with_scikit_learn():
    given = (LABELS, PREDICTED)
    assert classification.accuracy(*given, n_classes=5) == pytest.approx(sk.accuracy_score(*given), **EXACT)
    assert classification.balanced_accuracy(*given, n_classes=5) == pytest.approx(
        sk.balanced_accuracy_score(*given), **EXACT
    )
    assert classification.macro_f1(*given, n_classes=5) == pytest.approx(
        sk.f1_score(*given, average="macro"), **EXACT
    )
    assert classification.matthews(*given, n_classes=5) == pytest.approx(
        sk.matthews_corrcoef(*given), **EXACT
    )
    assert (classification.confusion_matrix(*given, n_classes=5) == sk.confusion_matrix(*given)).all()
    precision, recall, f1, support = sk.precision_recall_fscore_support(*given)
    for k, found in enumerate(classification.per_class(*given, n_classes=5)):
        assert found.support == support[k]
        assert found.precision.value == pytest.approx(precision[k], **EXACT)
        assert found.recall.value == pytest.approx(recall[k], **EXACT)
        assert found.f1 == pytest.approx(f1[k], **EXACT)


def test_a_class_that_never_occurs_has_no_quality():
    found = classification.per_class([0, 0, 1], [0, 1, 1], n_classes=3)[2]
    assert (found.recall, found.precision, found.f1) == (None, None, None)
    assert classification.macro_f1([0, 0, 1], [0, 1, 1], n_classes=3) == pytest.approx(2 / 3)


def test_proper_scores_agree_with_scikit_learn():
    probs = softmax(LOGITS)
    assert proper_scores.nll(LOGITS, LABELS) == pytest.approx(sk.log_loss(LABELS, probs), rel=1e-10)
    assert proper_scores.brier(probs, LABELS) == pytest.approx(
        sk.brier_score_loss(LABELS, probs, scale_by_half=False), rel=1e-12
    )
    assert np.exp(log_softmax(LOGITS)) == pytest.approx(scipy.special.softmax(LOGITS, axis=1), rel=1e-12)


def test_brier_parts_add_up_and_are_never_negative():
    probs = softmax(LOGITS)
    parts = proper_scores.brier_parts(probs, LABELS)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(
        proper_scores.brier(probs, LABELS), rel=1e-12
    )
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0
    frequency = np.bincount(LABELS, minlength=5) / len(LABELS)
    constant = proper_scores.brier_parts(np.tile(frequency, (len(LABELS), 1)), LABELS)
    assert (constant.reliability, constant.resolution) == pytest.approx((0, 0), abs=1e-12)


def test_ece_agrees_with_a_loop_over_bins():
    for n_bins in (1, 7, 15):
        gaps = []
        for m in range(n_bins):
            lower, upper = m / n_bins, (m + 1) / n_bins
            inside = (upper >= CONFIDENCES) & ((lower < CONFIDENCES) | (m == 0))
            if inside.any():
                gaps.append(inside.sum() * abs(CORRECT[inside].mean() - CONFIDENCES[inside].mean()))
        assert expected_calibration_error(CONFIDENCES, CORRECT, n_bins=n_bins) == pytest.approx(
            sum(gaps) / len(CONFIDENCES), **EXACT
        )


def test_equal_mass_without_ties_splits_into_equal_parts():
    order = np.argsort(CONFIDENCES)
    parts = np.array_split(order, 10)
    loop = sum(len(p) * abs(CORRECT[p].mean() - CONFIDENCES[p].mean()) for p in parts) / len(order)
    found = expected_calibration_error(CONFIDENCES, CORRECT, n_bins=10, binning="equal_mass")
    assert found == pytest.approx(loop, **EXACT)


def test_noise_floor_and_its_95_point_agree_with_simulation():
    generator = np.random.default_rng(3)
    draws = [
        expected_calibration_error(CONFIDENCES, generator.random(len(CONFIDENCES)) < CONFIDENCES)
        for _ in range(2000)
    ]
    assert ece_noise_floor(CONFIDENCES) == pytest.approx(np.mean(draws), rel=0.05)
    point = ece_noise_quantile(CONFIDENCES, n_draws=2000, seed=1)
    assert point == pytest.approx(np.quantile(draws, 0.95), rel=0.03)


def test_error_by_class_is_the_error_of_the_rows_predicted_as_it():
    probs = softmax(LOGITS)
    found = calibration_error_by_class(probs[PREDICTED != 2], LABELS[PREDICTED != 2])
    assert found[2] is None
    rows = PREDICTED == 1
    assert found[1] == expected_calibration_error(CONFIDENCES[rows], CORRECT[rows])


def test_smooth_ece_agrees_with_quadrature():
    generator = np.random.default_rng(5)
    confidences = np.concatenate([generator.random(30), [0.0, 1.0, 1.0]])
    correct = generator.random(33) < confidences**2
    width = smooth_ece(confidences, correct)
    images = np.concatenate([sign * confidences + shift for sign in (1, -1) for shift in (-2, 0, 2)])
    residuals = np.tile(correct - confidences, 6)

    def density(t):
        return abs((residuals * np.exp(-0.5 * ((t - images) / width) ** 2)).sum())

    integral, _ = quad(density, 0, 1, limit=500)
    assert integral / (33 * width * np.sqrt(2 * np.pi)) == pytest.approx(width, abs=2e-6)


def test_ranking_agrees_with_scikit_learn_also_on_ties():
    generator = np.random.default_rng(7)
    inside, outside = generator.normal(1, 1, 300).round(1), generator.normal(0, 1, 200).round(1)
    scores, positive = np.concatenate([inside, outside]), np.arange(500) < 300
    found = ood.ood_detection(inside, outside)
    assert found.auroc == pytest.approx(sk.roc_auc_score(positive, scores), **EXACT)
    assert found.aupr_in == pytest.approx(sk.average_precision_score(positive, scores), **EXACT)
    assert found.aupr_out == pytest.approx(sk.average_precision_score(~positive, -scores), **EXACT)
    assert selective_prediction.correctness_auroc(CONFIDENCES, CORRECT) == pytest.approx(
        sk.roc_auc_score(CORRECT, CONFIDENCES), **EXACT
    )


def test_delong_interval_agrees_with_the_bootstrap():
    generator = np.random.default_rng(8)
    inside, outside = generator.normal(1.5, 1, 400), generator.normal(0, 1, 300)
    found = ood.auroc_interval(inside, outside)
    draws = [
        ood.ood_detection(generator.choice(inside, 400), generator.choice(outside, 300)).auroc
        for _ in range(400)
    ]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.006)
    perfect = ood.auroc_interval([2.0, 3.0, 4.0], [0.0, 1.0])
    assert perfect.value == 1.0
    assert perfect.low < 1.0


def test_scores_of_logits():
    probs = softmax(LOGITS)
    top = probs.max(axis=1)
    assert ood.confidence_log_odds(LOGITS) == pytest.approx(np.log(top / (1 - top)), rel=1e-9)
    assert ood.energy(LOGITS) == pytest.approx(-scipy.special.logsumexp(LOGITS, axis=1), rel=1e-12)
    assert ood.energy(LOGITS, temperature=2.0) == pytest.approx(
        -2 * scipy.special.logsumexp(LOGITS / 2, axis=1), rel=1e-12
    )
    sure = ood.confidence_log_odds([[1000.0, 0.0], [2000.0, 0.0]])
    assert sure[0] < sure[1]


def test_risk_coverage_agrees_with_random_tie_orders():
    confidences, correct = np.array([0.9, 0.9, 0.9, 0.5, 0.5, 0.2]), np.array([1, 0, 1, 1, 0, 0])
    generator, runs = np.random.default_rng(1), []
    for _ in range(4000):
        shuffled = generator.permutation(6)
        order = shuffled[np.argsort(-confidences[shuffled], kind="stable")]
        runs.append(np.cumsum(1 - correct[order]) / np.arange(1, 7))
    assert selective_prediction.risk_coverage(confidences, correct).risk == pytest.approx(
        np.mean(runs, axis=0), abs=0.03
    )


def test_statistics_agree_with_scipy():
    for first, second in [(0, 0), (3, 3), (10, 2), (0, 7), (40, 61)]:
        expected = scipy.stats.binomtest(first, first + second).pvalue if first + second else 1.0
        assert significance.mcnemar_exact(first, second) == pytest.approx(expected, rel=1e-9)
    p = np.random.default_rng(2).random(50) ** 2
    assert significance.benjamini_hochberg(p) == pytest.approx(
        scipy.stats.false_discovery_control(p), rel=1e-12
    )
    for hits, level in [(0, 0.95), (13, 0.9), (20, 0.99)]:
        ours = intervals.wilson_interval(hits, 20, confidence=level)
        theirs = scipy.stats.binomtest(hits, 20).proportion_ci(level, method="wilson")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_bootstrap_of_a_mean_agrees_with_its_standard_error():
    values = np.random.default_rng(4).normal(3, 2, 800)
    found = intervals.mean_interval(values, n_resamples=2000, seed=1)
    half = 1.96 * values.std(ddof=1) / np.sqrt(800)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert found == intervals.mean_interval(values, n_resamples=2000, seed=1)
    assert found != intervals.mean_interval(values, n_resamples=2000, seed=2)


def test_paired_bootstrap_sees_what_unpaired_intervals_cannot():
    generator = np.random.default_rng(6)
    first = generator.normal(0, 10, 300)
    second = first + 0.2 + generator.normal(0, 0.5, 300)
    found = significance.paired_bootstrap(first, second)
    assert found.difference.low > 0
    assert found.p_value < 0.01
    same = significance.paired_bootstrap(first, first)
    assert same.p_value == 1.0
    assert (same.difference.low, same.difference.high) == (0.0, 0.0)


@pytest.mark.parametrize("digits", [1, 3, 16])
@pytest.mark.parametrize("size", [3, 1536])
def test_summary_equals_the_single_functions(digits, size):
    logits, labels = planted(size, 5, 1.7, seed=11)
    confidences, correct = top_label_confidence(softmax(logits), labels)
    given = confidences.round(digits), correct
    found = summary.top_label_summary(*given)
    single = {
        "rows": size,
        "accuracy": correct.mean(),
        "mean_confidence": given[0].mean(),
        "certain": (given[0] == 1.0).sum(),
        "signed": calibration.signed_calibration_error(*given),
        "ece": expected_calibration_error(*given),
        "ece_equal_mass": expected_calibration_error(*given, binning="equal_mass"),
        "noise_floor": ece_noise_floor(given[0]),
        "rmsce": calibration.root_mean_squared_calibration_error(*given),
        "mce": calibration.maximum_calibration_error(*given),
        "debiased_squared": calibration.debiased_squared_calibration_error(*given),
        "smooth_ece": smooth_ece(*given),
        "top_label_brier": ((given[0] - correct) ** 2).mean(),
        "aurc": selective_prediction.aurc(*given),
        "augrc": selective_prediction.augrc(*given),
        "correctness_auroc": selective_prediction.correctness_auroc(*given),
    }
    assert vars(found) == pytest.approx(single, rel=1e-9, abs=1e-12)
    assert summary.top_label_summary([0.5, 0.7], [1, 1]).correctness_auroc is None


def test_summary_keeps_its_digits_where_one_row_of_many_is_wrong():
    rows = 100_000
    for place, risk in ((0, 1 / rows), (rows - 1, np.sum(1 / np.arange(rows, 0, -1.0)))):
        correct = np.arange(rows) != place
        found = summary.top_label_summary(np.linspace(0.2, 1.0, rows), correct)
        assert found.aurc == pytest.approx(risk / rows, rel=1e-12)
        assert found.augrc == pytest.approx((place + 1) / rows**2, rel=1e-12)


def test_reliability_bins_hold_the_ece():
    bins = reliability_bins(CONFIDENCES, CORRECT)
    assert sum(found.count for found in bins) == len(CORRECT)
    total = sum(found.count * abs(found.accuracy.value - found.confidence) for found in bins)
    assert total / len(CORRECT) == pytest.approx(expected_calibration_error(CONFIDENCES, CORRECT), **EXACT)


def test_planted_label_errors_are_found():
    logits, labels = planted(600, 4, 1.0, seed=9, sharpness=6.0)
    wrong = np.random.default_rng(1).choice(600, 30, replace=False)
    noisy = labels.copy()
    noisy[wrong] = (noisy[wrong] + 1) % 4
    found = label_issues(softmax(logits), noisy)
    assert len(set(found.rows[:30]) & set(wrong)) >= 24
    assert (np.diff(found.quality) >= 0).all()
    assert (found.suggested != noisy[found.rows]).all()


def test_classwise_is_the_mean_over_classes():
    probs = softmax(LOGITS)
    single = [expected_calibration_error(probs[:, k], k == LABELS) for k in range(5)]
    assert classwise_calibration_error(probs, LABELS) == pytest.approx(np.mean(single), **EXACT)
