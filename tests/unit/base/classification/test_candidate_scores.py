"""What candidates for a classifier are ranked by, on real features of a toy."""

import numpy as np
import torch

from teacherspec.base.classification.candidate_scores import neighbours_right, probe_nll

DRAW = np.random.default_rng(0)


def features(rows: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    labels = DRAW.integers(3, size=rows)
    return (signal * np.eye(3, 8)[labels] + DRAW.standard_normal((rows, 8))).astype(np.float32), labels


def test_a_probe_scores_rows_that_did_not_choose_its_penalty() -> None:
    """On noise no probe beats the prior; one that is scored on the rows that chose it would seem to."""
    (train, labels), (validation, targets) = features(150, 0.0), features(150, 0.0)
    found = probe_nll((train, validation), [labels, targets])
    assert found.shape == (150,)
    prior = -np.log(np.bincount(labels) / len(labels))[targets].mean()
    assert found.mean() > prior - 0.03


def test_signal_lowers_the_loss_and_finds_neighbours() -> None:
    (train, labels), (validation, targets) = features(200, 4.0), features(200, 4.0)
    both, names = (train, validation), [labels, targets]
    assert probe_nll(both, names).mean() < 0.2
    assert neighbours_right(both, names).mean() > 0.9


def test_the_order_of_the_halves_does_not_matter_to_a_row() -> None:
    """Each row is scored by the probe that the other half chose."""
    (train, labels), (validation, targets) = features(100, 1.0), features(60, 1.0)
    found = probe_nll((train, validation), [labels, targets])
    order = np.arange(60).reshape(-1, 2)[:, ::-1].ravel()  # swaps the halves
    swapped = probe_nll((train, validation[order]), [labels, targets[order]])
    np.testing.assert_allclose(swapped, found[order], rtol=1e-6)


def test_a_class_that_only_validation_has_gets_a_finite_loss() -> None:
    (train, labels), (validation, targets) = features(60, 1.0), features(60, 1.0)
    found = probe_nll((train[labels < 2], validation), [labels[labels < 2], targets])
    assert torch.isfinite(torch.from_numpy(found)).all()
    assert found[targets == 2].mean() > found[targets < 2].mean()
