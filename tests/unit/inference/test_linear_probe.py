"""The fit against scikit-learn's, and what must not change it."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from teacherspec.finetune.losses import balanced_weights
from teacherspec.inference import linear_probe
from teacherspec.inference.linear_probe import LinearProbe, fit_linear_probe, penalised_fits

Rows = tuple[torch.Tensor, torch.Tensor]


def rows(count: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Rows:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 4, count)
    centres = np.random.default_rng(7).normal(size=(4, 6))
    features = centres[labels] + draw.normal(scale=0.8, size=(count, 6))
    return torch.from_numpy((features * scale + shift).astype(np.float32)), torch.from_numpy(labels)


def fitted(monkeypatch: pytest.MonkeyPatch, penalty: float, train: Rows, **given: Any) -> LinearProbe:
    monkeypatch.setattr(linear_probe, "PENALTIES", (penalty,))
    return next(penalised_fits(*train, 4, **given))


@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_it_is_the_optimum_that_scikit_learn_finds(monkeypatch: pytest.MonkeyPatch, penalty: float) -> None:
    features, labels = rows(120, 0)
    found = fitted(monkeypatch, penalty, (features, labels))
    x = features.double().numpy()
    scaled = (x - x.mean(0)) / np.sqrt(np.square(x - x.mean(0)).sum(1).mean())
    # scikit-learn minimises the sum of the losses over C plus half the squared weights: C = 1 / λ.
    other = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(scaled, labels.numpy())
    expected = other.predict_log_proba(scaled)
    torch.testing.assert_close(
        found.logits(features).log_softmax(1), torch.from_numpy(expected).float(), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("balanced", [False, True])
def test_weights_of_rows_are_the_sample_weights_of_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, balanced: bool
) -> None:
    (features, labels), draw = rows(120, 0), np.random.default_rng(3)
    weights = draw.exponential(size=120)
    weights /= weights.mean()
    targets = torch.tensor(np.column_stack([np.eye(4)[labels], weights]))
    of_class = balanced_weights(targets, 4) if balanced else None
    found = fitted(monkeypatch, 0.1, (features, targets), class_weights=of_class)
    x = features.double().numpy()
    scaled = (x - x.mean(0)) / np.sqrt(np.square(x - x.mean(0)).sum(1).mean())
    solver = LogisticRegression(
        C=1 / 0.1, tol=1e-10, max_iter=10_000, class_weight="balanced" if balanced else None
    )
    expected = solver.fit(scaled, labels.numpy(), sample_weight=weights).predict_log_proba(scaled)
    given = found.logits(features).log_softmax(1)
    torch.testing.assert_close(given, torch.from_numpy(expected).float(), atol=5e-3, rtol=0)
    plain = fitted(monkeypatch, 0.1, (features, labels)).logits(features).log_softmax(1)
    assert (plain - given).abs().max() > 0.05, "weights must matter"


def test_penalty_and_factor_are_chosen_by_the_weighted_loss() -> None:
    (features, labels), (other, other_labels) = rows(120, 0), rows(60, 1)
    twice = torch.cat([torch.arange(60), torch.arange(0, 60, 2)])
    targets = torch.cat([torch.eye(4)[other_labels], torch.ones(60, 1)], dim=1)
    targets[::2, -1] = 2
    expected = fit_linear_probe((features, labels), (other[twice], other_labels[twice]), 4)
    found = fit_linear_probe((features, labels), (other, targets), 4)
    assert found.penalty == expected.penalty
    assert found.validation_nll == pytest.approx(expected.validation_nll, rel=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(100.0, 0.0), (0.01, 0.0), (1.0, 30.0)])
def test_scale_and_shift_of_the_features_do_not_matter(scale: float, shift: float) -> None:
    plain = fit_linear_probe(rows(120, 0), rows(60, 1), 4)
    other = fit_linear_probe(rows(120, 0, scale, shift), rows(60, 1, scale, shift), 4)
    assert other.penalty == plain.penalty
    torch.testing.assert_close(
        other.logits(rows(60, 2, scale, shift)[0]).softmax(1),
        plain.logits(rows(60, 2)[0]).softmax(1),
        atol=1e-3,
        rtol=0,
    )


def test_validation_chooses_penalty_and_scale() -> None:
    train, validation = rows(40, 0), rows(200, 1)
    found = fit_linear_probe(train, validation, 4)

    def nll(factor: float) -> float:
        logits = found.logits(validation[0]).double() * factor
        return torch.nn.functional.cross_entropy(logits, validation[1]).item()

    assert nll(1.0) == pytest.approx(found.validation_nll, abs=1e-5)
    assert nll(1.0) <= min(nll(0.9), nll(1.1)), "no other scale is better"
    for fit in penalised_fits(*train, 4):
        assert torch.nn.functional.cross_entropy(fit.logits(validation[0]), validation[1]) > nll(1.0) - 1e-6
    # Labels that mean nothing: the best that validation finds is to say nothing.
    noise = (train[0], train[1][torch.randperm(40, generator=torch.Generator().manual_seed(0))])
    assert fit_linear_probe(noise, validation, 4).validation_nll <= np.log(4) + 0.01


def test_without_a_bias_the_fit_goes_through_the_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fitted(monkeypatch, 0.1, rows(120, 0), bias=False)
    assert not found.bias.any()


def test_class_weights_repeat_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class with weight 2 is fitted as if each of its rows occurred twice."""
    features, labels = rows(120, 0)
    again = labels == 2
    twice = (torch.cat([features, features[again]]), torch.cat([labels, labels[again]]))
    weights = torch.tensor([1.0, 1.0, 2.0, 1.0])
    weighted = fitted(monkeypatch, 1e-3, (features, labels), class_weights=weights)
    repeated = fitted(monkeypatch, 1e-3, twice)
    torch.testing.assert_close(
        weighted.logits(features).softmax(1), repeated.logits(features).softmax(1), atol=5e-3, rtol=0
    )
