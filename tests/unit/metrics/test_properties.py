"""What must hold for every input: hypothesis looks for one where it does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from teacherspec.metrics import calibration, selective_prediction
from teacherspec.metrics.binning import bin_index, bin_sums
from teacherspec.metrics.ood import ood_detection
from teacherspec.metrics.scores import proper_scores
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.metrics.smooth_ece import smooth_ece
from teacherspec.metrics.summary import top_label_summary
from teacherspec.metrics.temperature_moments import temperature_moments

# Few distinct values beside arbitrary ones, so that ties, edges and certainty are common.
confidence = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 2 / 3, 0.7, 0.999, 1.0]) | st.floats(0.0, 1.0)
rows = st.lists(st.tuples(confidence, st.booleans()), min_size=1, max_size=40)
logit = st.floats(-30.0, 30.0, width=32)


@st.composite
def labelled_logits(draw, least=1):
    size, classes = draw(st.integers(least, 12)), draw(st.integers(2, 5))
    logits = draw(arrays(np.float64, (size, classes), elements=logit))
    return logits, np.asarray(draw(st.lists(st.integers(0, classes - 1), min_size=size, max_size=size)))


def split(pairs):
    return np.array([value for value, _ in pairs]), np.array([truth for _, truth in pairs])


@given(rows, st.integers(1, 20), st.randoms())
@settings(deadline=None)
def test_the_order_of_rows_changes_no_measure(pairs, n_bins, random):
    shuffled = random.sample(pairs, len(pairs))
    one = top_label_summary(*split(pairs), n_bins=n_bins)
    other = top_label_summary(*split(shuffled), n_bins=n_bins)
    assert one == other


@given(rows, st.integers(1, 20))
def test_errors_lie_in_their_ranges(pairs, n_bins):
    values, truth = split(pairs)
    ece = calibration.expected_calibration_error(values, truth, n_bins=n_bins)
    signed = calibration.signed_calibration_error(values, truth)
    assert (
        abs(signed) - 1e-12
        <= ece
        <= calibration.maximum_calibration_error(values, truth, n_bins=n_bins) + 1e-12
    )
    assert ece <= calibration.root_mean_squared_calibration_error(values, truth, n_bins=n_bins) + 1e-12
    mass = calibration.expected_calibration_error(values, truth, n_bins=n_bins, binning="equal_mass")
    assert abs(signed) - 1e-12 <= mass <= 1.0
    assert 0.0 <= selective_prediction.augrc(values, truth) <= selective_prediction.aurc(values, truth) <= 1.0


@given(rows, st.integers(1, 20))
def test_equal_confidences_share_a_bin_and_bins_rise(pairs, n_bins):
    values, _ = split(pairs)
    for binning in ("equal_width", "equal_mass"):
        index = bin_index(values, n_bins=n_bins, binning=binning)
        order = np.argsort(values, kind="stable")
        assert (np.diff(index[order]) >= 0).all()
        assert index.max() < n_bins
        for value in np.unique(values):
            assert len(set(index[values == value])) == 1


@given(st.integers(1, 1000), st.data())
def test_an_edge_closes_its_bin(n_bins, data):
    m = data.draw(st.integers(1, n_bins))
    assert bin_index([m / n_bins], n_bins=n_bins)[0] == m - 1
    above = np.nextafter(m / n_bins, 2.0)
    if above <= 1.0:
        assert bin_index([above], n_bins=n_bins)[0] == m


@given(rows, rows)
def test_shards_of_bins_add_up_to_the_whole(first, second):
    parts = bin_sums(*split(first)) + bin_sums(*split(second))
    whole = bin_sums(*split(first + second))
    assert (parts.count == whole.count).all()
    assert (parts.correct == whole.correct).all()
    assert parts.confidence == pytest.approx(whole.confidence, abs=1e-12)


@given(st.lists(confidence, min_size=1, max_size=40), st.booleans())
@settings(deadline=None)
def test_smooth_error_of_residuals_of_one_sign_is_their_mean(values, right):
    expected = abs(np.mean(values) - right)
    assert smooth_ece(values, [right] * len(values)) == pytest.approx(expected, abs=1e-4)


@given(labelled_logits(), st.floats(-1e4, 1e4))
def test_adding_to_a_row_changes_no_probability(case, shift):
    logits, labels = case
    assert softmax(logits + shift) == pytest.approx(softmax(logits), abs=1e-9)
    assert proper_scores.nll(logits + shift, labels) == pytest.approx(
        proper_scores.nll(logits, labels), abs=1e-8
    )


@given(labelled_logits(least=2), st.data())
def test_shards_of_moments_add_up_to_the_whole(case, data):
    logits, labels = case
    cut = data.draw(st.integers(1, len(labels) - 1))
    betas = [0.25, 1.0, 3.0]
    parts = temperature_moments(logits[:cut], labels[:cut], betas=betas) + temperature_moments(
        logits[cut:], labels[cut:], betas=betas
    )
    whole = temperature_moments(logits, labels, betas=betas)
    assert parts.sums == pytest.approx(whole.sums, rel=1e-9, abs=1e-9)
    assert parts.weight == whole.weight


@given(labelled_logits())
def test_moments_are_the_derivatives_of_the_nll(case):
    logits, labels = case
    step = 1e-5
    nll = [proper_scores.nll(beta * logits, labels) for beta in (1.0 - step, 1.0, 1.0 + step)]
    found = temperature_moments(logits, labels, betas=[1.0])
    assert found.nll[0] / len(labels) == pytest.approx(nll[1], rel=1e-12, abs=1e-12)
    assert found.gradient[0] / len(labels) == pytest.approx(
        (nll[2] - nll[0]) / (2 * step), rel=1e-4, abs=1e-4
    )
    assert found.curvature[0] >= 0.0


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
)
def test_swapping_sides_turns_detection_around(inside, outside):
    found, swapped = ood_detection(inside, outside), ood_detection(outside, inside)
    assert found.auroc == pytest.approx(1.0 - swapped.auroc)
    assert 0.0 <= found.fpr_at_95_in_recall <= 1.0
    mirrored = ood_detection([-score for score in outside], [-score for score in inside])
    assert found.fpr_at_95_out_recall == mirrored.fpr_at_95_in_recall
    assert found.aupr_out == mirrored.aupr_in
