"""Losses of several labels a row against torch, and against their formulas in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from teacherspec.finetune.binary_losses import (
    LARGEST_POS_WEIGHT,
    asymmetric,
    binary_cross_entropy,
    positive_weights,
)
from teacherspec.finetune.losses import objective
from teacherspec.spec.finetune import Asymmetric, BinaryCrossEntropy
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 3
LABELS = (torch.rand(6, 4, generator=torch.Generator().manual_seed(1)) < 0.4).float()
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 3.0])


def plain(**more: object) -> BinaryCrossEntropy:
    return BinaryCrossEntropy(kind="binary_cross_entropy", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_it_is_the_loss_of_torch(weights: torch.Tensor | None) -> None:
    found = binary_cross_entropy(plain(), LOGITS, LABELS, weights)
    whole = functional.binary_cross_entropy_with_logits(LOGITS, LABELS, pos_weight=weights)
    assert found.shape == (6,)
    assert found.mean().item() == pytest.approx(whole.item())


def test_the_focal_factor_is_that_of_the_given_answer() -> None:
    found = binary_cross_entropy(plain(gamma=2.0), LOGITS, LABELS, None)
    p = torch.sigmoid(LOGITS.double())
    given = torch.where(LABELS > 0, p, 1 - p)
    expected = ((1 - given) ** 2 * -given.log()).mean(dim=1)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_the_asymmetric_loss_is_that_of_its_paper() -> None:
    loss = Asymmetric(kind="asymmetric", gamma_positive=1.0, gamma_negative=3.0, margin=0.1)
    found = asymmetric(loss, LOGITS, LABELS, WEIGHTS)
    p = torch.sigmoid(LOGITS.double()).numpy()
    shifted = np.maximum(p - 0.1, 0)
    positive = (1 - p) * -np.log(p) * WEIGHTS.numpy()
    negative = shifted**3 * -np.log(1 - shifted)
    expected = np.where(LABELS.numpy() > 0, positive, negative).mean(axis=1)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_without_factors_and_margin_both_losses_are_the_same() -> None:
    loss = Asymmetric(kind="asymmetric", gamma_positive=0.0, gamma_negative=0.0, margin=0.0)
    expected = binary_cross_entropy(plain(), LOGITS, LABELS, None)
    assert asymmetric(loss, LOGITS, LABELS, None).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("logit", [-60.0, 60.0])
def test_gradients_stay_finite_where_an_answer_is_certain(logit: float) -> None:
    losses = [
        (binary_cross_entropy, plain(gamma=0.5)),
        (asymmetric, Asymmetric(kind="asymmetric", gamma_positive=0.5, gamma_negative=0.5)),
    ]
    for label in (0.0, 1.0):
        for function, loss in losses:
            logits = torch.full((1, 1), logit, requires_grad=True)
            function(loss, logits, torch.full((1, 1), label), None).sum().backward()  # type: ignore[operator]
            assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]


def test_balanced_weights_are_rows_without_over_rows_with_a_label() -> None:
    labels = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]])
    assert positive_weights(plain(pos_weight="balanced"), labels).tolist() == pytest.approx([1 / 3, 3.0, 4.0])
    many = torch.zeros(1000, 1)
    many[0] = 1
    assert positive_weights(plain(pos_weight="balanced"), many).item() == LARGEST_POS_WEIGHT
    assert positive_weights(plain(pos_weight=2.0), labels).tolist() == [2.0, 2.0, 2.0]
    assert positive_weights(plain(), labels) is None


def test_a_step_does_not_depend_on_how_its_rows_are_split() -> None:
    compute = objective(plain(), lambda outputs, labels: LossTerms(outputs["logits"], labels), WEIGHTS)
    whole = compute({"logits": LOGITS}, LABELS, num_items_in_batch=LABELS.numel())
    parts = [
        compute({"logits": LOGITS[rows]}, LABELS[rows], num_items_in_batch=LABELS.numel())
        for rows in (slice(0, 2), slice(2, 6))
    ]
    assert sum(part.item() for part in parts) == pytest.approx(whole.item())
