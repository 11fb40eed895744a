"""The loss on top k and rest is the divergence of the teacher's whole distribution, put into k + 1 parts."""

import math

import numpy as np
import pytest
import torch

from teacherspec.probe.arms import Arm, Targets
from teacherspec.probe.generation.targets import (
    Given,
    arm_targets,
    at_positions,
    other_positions,
    stored,
    tokens_around,
    top_k_loss,
)
from teacherspec.probe.generation.targets import Targets as Distributions
from teacherspec.text.topk_logits import TopK, reduce_logits
from tests.unit.probe.toy_language_teacher import VOCABULARY, K, toy_tokens

POSITIONS, V = 12, 30
TEACHER = torch.randn(POSITIONS, V, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
STUDENT = torch.randn(POSITIONS, V, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LABELS = torch.randint(V, (POSITIONS,), generator=torch.Generator().manual_seed(2))


def given(k: int, calibration: float = 1.0) -> Given:
    top = reduce_logits(TEACHER, LABELS, k)
    other = reduce_logits(TEACHER.roll(1, 0), LABELS, k)
    around = torch.from_numpy(tokens_around(LABELS.numpy(), k, V, 0))
    return Given(top, other, around, calibration)


def arm(targets: Targets, temperature: float = 1.0) -> Arm:
    return Arm("an arm", targets, temperature, 1.0)


def divergence(teacher: list[float], student: list[float], top: list[int], temperature: float) -> float:
    """KL of k + 1 parts in nats, from logits of the whole vocabulary, number by number."""

    def parts(logits: list[float]) -> list[float]:
        weights = [math.exp(value / temperature) for value in logits]
        total = sum(weights)
        rest = sum(weight for token, weight in enumerate(weights) if token not in top)
        return [*(weights[token] / total for token in top), rest / total]

    pairs = zip(parts(teacher), parts(student), strict=True)
    return sum(p * math.log(p / q) for p, q in pairs if p > 0)


def entropy(probs: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    return torch.special.entr(probs).sum(1) + torch.special.entr(rest)


@pytest.mark.parametrize("k", [1, 5, V - 1])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_it_is_the_divergence_computed_over_the_whole_vocabulary(k: int, temperature: float) -> None:
    targets = arm_targets(arm("raw", temperature), given(k))
    found = top_k_loss(STUDENT, targets, temperature) - entropy(targets.probs, targets.rest)
    for at in range(POSITIONS):
        top = targets.token_ids[at].tolist()
        expected = divergence(TEACHER[at].tolist(), STUDENT[at].tolist(), top, temperature)
        assert float(found[at]) == pytest.approx(expected, abs=2e-2), "log-probabilities are float16"


def gradient(probs: torch.Tensor, rest: torch.Tensor, token_ids: torch.Tensor) -> float:
    """Norm of the gradient of the loss of a student that is the teacher."""
    student = TEACHER.clone().requires_grad_()
    top_k_loss(student, Distributions(token_ids, probs, rest), 1.0).sum().backward()
    assert student.grad is not None
    return float(student.grad.norm())


def test_the_teacher_itself_is_the_optimum_and_renormalised_top_k_is_not() -> None:
    token_ids, probs, rest = arm_targets(arm("raw"), given(3))
    assert gradient(probs, rest, token_ids) < 1e-2
    renormalised = probs / probs.sum(1, keepdim=True)
    assert gradient(renormalised, torch.zeros_like(rest), token_ids) > 0.1


def test_a_vocabulary_without_rest_has_a_finite_loss_and_gradient() -> None:
    student = STUDENT.clone().requires_grad_()
    token_ids = torch.arange(V).expand(POSITIONS, -1)
    loss = top_k_loss(student, Distributions(token_ids, TEACHER.softmax(1), torch.zeros(POSITIONS)), 1.0)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_the_pseudo_arm_learns_the_most_likely_token_as_certain() -> None:
    targets = arm_targets(arm("top_label"), given(5))
    expected = torch.nn.functional.cross_entropy(STUDENT, TEACHER.argmax(1), reduction="none")
    torch.testing.assert_close(top_k_loss(STUDENT, targets, 1.0), expected)


def test_calibrated_targets_are_raw_ones_at_the_product_of_the_temperatures() -> None:
    calibrated = arm_targets(arm("calibrated", 2.0), given(5, calibration=2.0))
    raw = arm_targets(arm("raw", 4.0), given(5))
    for one, other in zip(calibrated, raw, strict=True):
        torch.testing.assert_close(one, other)


def test_controls_hold_nothing_of_the_row() -> None:
    shuffled, smoothed = (arm_targets(arm(kind), given(5)) for kind in ("shuffled", "smoothed"))
    torch.testing.assert_close(shuffled.probs[1:], arm_targets(arm("raw"), given(5)).probs[:-1])
    torch.testing.assert_close(smoothed.probs, shuffled.probs)
    torch.testing.assert_close(smoothed.token_ids[:, 0], LABELS)


@pytest.mark.parametrize("k", [1, 2, 5, V - 1])
def test_tokens_around_a_label_are_all_different(k: int) -> None:
    around = tokens_around(np.arange(V), k, V, 0)
    assert around.shape == (V, k)
    assert all(len(set(row)) == k for row in around.tolist())
    assert ((around >= 0) & (around < V)).all()


def test_another_position_is_one_of_another_answer() -> None:
    tokens = toy_tokens("test", knows=1.0, noise=0.0, draw=np.random.default_rng(0), rows=9)
    owner = np.repeat(np.arange(9), tokens.positions)
    other = other_positions(tokens, 0)
    assert (owner[other] != owner).all()
    assert len(set(other.tolist())) > len(other) / 3, "drawn, not the first of each answer"
    with pytest.raises(ValueError, match="needs two answers"):
        other_positions(tokens.take([0]), 0)


def test_stored_targets_become_tensors_in_their_order() -> None:
    tokens = toy_tokens("test", knows=1.0, noise=0.0, draw=np.random.default_rng(0), rows=3)
    some = at_positions(stored(tokens), np.array([4, 0]))
    for name in TopK._fields:
        np.testing.assert_array_equal(getattr(some, name).numpy(), tokens.targets[name][[4, 0]])
    assert some.token_ids.shape == (2, K)
    assert int(some.token_ids.max()) < VOCABULARY
