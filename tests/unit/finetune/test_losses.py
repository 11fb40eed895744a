"""The loss against those of torch and scikit-learn, and its independence of the micro-batch."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from teacherspec.finetune.losses import IGNORE_INDEX, balanced_weights, objective
from teacherspec.spec.finetune import CrossEntropy, Focal
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms

LOGITS = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 0, 0, 1, 0])


def loss_terms(outputs: Any, labels: torch.Tensor) -> LossTerms:
    return LossTerms(outputs["logits"], labels)


def loss_of(
    section: CrossEntropy | Focal, weights: torch.Tensor | None = None, items: int | None = None
) -> float:
    return float(objective(section, loss_terms, weights)({"logits": LOGITS}, LABELS, items))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_mean(smoothing: float) -> None:
    expected = functional.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing)
    assert loss_of(CrossEntropy(label_smoothing=smoothing)) == pytest.approx(expected.item(), rel=1e-6)


def test_focal_with_gamma_zero_is_cross_entropy() -> None:
    assert loss_of(Focal(kind="focal", gamma=0.0)) == pytest.approx(loss_of(CrossEntropy()), rel=1e-6)


def test_focal_by_its_formula() -> None:
    p = torch.softmax(LOGITS.double(), 1)[torch.arange(12), LABELS]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    assert loss_of(Focal(kind="focal", gamma=2.0)) == pytest.approx(expected.item(), rel=1e-5)


def test_focal_gradient_is_finite_for_a_certain_row() -> None:
    logits = torch.tensor([[60.0, -60.0]], requires_grad=True)
    objective(Focal(kind="focal", gamma=0.5), loss_terms, None)(
        {"logits": logits}, torch.tensor([0])
    ).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("section", [CrossEntropy(label_smoothing=0.1), Focal(kind="focal")])
def test_micro_batches_of_a_step_add_up_to_the_step(section: CrossEntropy | Focal) -> None:
    weights = balanced_weights(LABELS, 5)
    compute = objective(section, loss_terms, weights)
    parts = sum(compute({"logits": LOGITS[i : i + 3]}, LABELS[i : i + 3], 12) for i in range(0, 12, 3))
    assert float(parts) == pytest.approx(float(compute({"logits": LOGITS}, LABELS, 12)), rel=1e-6)


@pytest.mark.parametrize("section", [CrossEntropy(label_smoothing=0.1), Focal(kind="focal", gamma=2.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_certain_soft_labels_are_hard_ones(section: CrossEntropy | Focal, weighted: bool) -> None:
    weights = balanced_weights(LABELS, 5) if weighted else None
    compute = objective(section, loss_terms, weights)
    soft = functional.one_hot(LABELS, 5).float()
    hard = float(compute({"logits": LOGITS}, LABELS, 12))
    # Trainer counts every number of the soft labels.
    assert float(compute({"logits": LOGITS}, soft, 12 * 5)) == pytest.approx(hard, rel=1e-5)


def test_the_loss_of_a_mixture_is_the_mixture_of_losses() -> None:
    compute = objective(CrossEntropy(), loss_terms, None)
    hard = functional.one_hot(LABELS, 5).float()
    mixed = float(compute({"logits": LOGITS}, 0.3 * hard + 0.7 * hard.flip(0), 60))
    parts = [float(compute({"logits": LOGITS}, labels, 12)) for labels in (LABELS, LABELS.flip(0))]
    assert mixed == pytest.approx(0.3 * parts[0] + 0.7 * parts[1], rel=1e-5)


def test_terms_have_the_weights_of_the_task() -> None:
    def weighing(outputs: Any, labels: torch.Tensor) -> LossTerms:
        return LossTerms(outputs["logits"], labels, torch.arange(12.0))

    losses = functional.cross_entropy(LOGITS, LABELS, reduction="none")
    found = objective(CrossEntropy(), weighing, None)({"logits": LOGITS}, LABELS, 12)
    assert float(found) == pytest.approx(float((losses * torch.arange(12.0)).sum() / 12), rel=1e-6)


def test_ignored_positions_count_nowhere() -> None:
    labels = LABELS.clone()
    labels[6:] = IGNORE_INDEX
    found = objective(CrossEntropy(), loss_terms, None)({"logits": LOGITS}, labels)
    assert float(found) == pytest.approx(functional.cross_entropy(LOGITS[:6], LABELS[:6]).item(), rel=1e-6)


def test_balanced_weights_are_scikit_learns() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(5), y=LABELS.numpy())
    weights = balanced_weights(LABELS, 5)
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)
    assert weights[LABELS].mean().item() == pytest.approx(1.0, rel=1e-6)


def test_a_class_without_rows_has_no_weight() -> None:
    weights = balanced_weights(torch.tensor([0, 0, 2]), 3)
    assert weights[1] == 0
    assert weights[torch.tensor([0, 0, 2])].mean().item() == pytest.approx(1.0)
