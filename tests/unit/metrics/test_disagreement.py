"""The entropy of a mean distribution in two parts, against the definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from scipy.stats import entropy

from teacherspec.metrics.scores.disagreement import ensemble

LOGITS = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6)),
    elements=st.floats(-30, 30),
)


def mutual_information(probs: np.ndarray) -> np.ndarray:
    """`[K, N, C]` → `[N]` from the joint distribution of a model, drawn evenly, and its class."""
    joint = probs / len(probs)
    product = joint.sum(axis=2, keepdims=True) * joint.sum(axis=0, keepdims=True)
    terms = np.where(joint > 0, joint * np.log(np.where(joint > 0, joint, 1.0) / product), 0.0)
    return np.asarray(terms.sum(axis=(0, 2)))


@given(LOGITS)
def test_the_parts_are_mean_entropy_and_mutual_information(logits: np.ndarray) -> None:
    log_probs = log_softmax(logits, axis=2)
    found = ensemble(log_probs)
    probs = np.exp(log_probs)
    np.testing.assert_allclose(np.exp(found.log_probs), probs.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.aleatoric, entropy(probs, axis=2).mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.epistemic, mutual_information(probs), atol=1e-9)
    total = entropy(probs.mean(axis=0), axis=1)
    np.testing.assert_allclose(found.aleatoric + found.epistemic, total, atol=1e-9)
    assert (found.epistemic <= np.log(len(probs)) + 1e-9).all()


def test_models_that_agree_leave_nothing_to_disagreement() -> None:
    one = log_softmax(np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), axis=1)
    found = ensemble([one, one, one])
    np.testing.assert_allclose(found.log_probs, one, atol=1e-12)
    np.testing.assert_allclose(found.epistemic, 0.0, atol=1e-12)
    assert (found.epistemic >= 0).all()


def test_models_that_are_certain_of_different_classes_leave_everything_to_it() -> None:
    certain = np.log(np.eye(4) + 0.0, where=np.eye(4) > 0, out=np.full((4, 4), -np.inf))
    found = ensemble(certain[:, None, :])
    assert found.aleatoric == pytest.approx([0.0])
    assert found.epistemic == pytest.approx([np.log(4)])


@pytest.mark.parametrize("shape", [(3, 2), (0, 3, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected log_probs"):
        ensemble(np.zeros(shape))
