"""Sums over a grid stand for the logits: oracles are the numpy moments and the dense fit of T."""

import numpy as np
import pytest
import torch

from teacherspec.calibrators.grid_temperature import streamed_temperature
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.metrics.temperature_moments import TemperatureMoments, temperature_moments
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.text.logit_moments import token_sums

BETAS = torch.from_numpy(np.asarray(GRID))


KEPT = [0, 1, 2, 5]
"""Which of the moments' sums streaming needs: ΣL, its first two derivatives, Σ(L')²."""


def drawn(tokens: int, vocabulary: int, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(tokens, vocabulary, generator=generator)
    labels = torch.multinomial((logits / temperature).softmax(1), 1, generator=generator).squeeze(1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.3, 2.5])
def test_streamed_temperature_is_the_dense_one(temperature):
    logits, labels = drawn(4000, 300, temperature)
    shards = [
        token_sums(*part, BETAS).sums for part in zip(logits.split(700), labels.split(700), strict=True)
    ]
    sums = np.full((6, len(GRID)), np.nan)
    sums[KEPT] = torch.stack(shards).sum(0)
    moments = TemperatureMoments(np.asarray(GRID), len(labels), sums)
    dense = fit_temperature(logits.numpy(), labels.numpy())
    assert streamed_temperature(moments).temperature == pytest.approx(dense.temperature, rel=1e-4)


def test_sums_are_those_of_the_logits_and_shards_add_up():
    logits, labels = drawn(500, 50, 1.0)
    found = token_sums(logits, labels, BETAS)
    expected = temperature_moments(logits.numpy(), labels.numpy(), betas=GRID).sums[KEPT]
    np.testing.assert_allclose(found.sums.numpy(), expected, rtol=2e-5)
    parts = [token_sums(*part, BETAS) for part in zip(logits.split(77), labels.split(77), strict=True)]
    np.testing.assert_allclose(torch.stack([p.sums for p in parts]).sum(0), found.sums, rtol=1e-6)
    torch.testing.assert_close(torch.cat([p.lse for p in parts]), found.lse)


def test_what_is_kept_of_a_token():
    logits, labels = drawn(200, 50, 1.0)
    found = token_sums(logits, labels, BETAS)
    at_one = int(np.flatnonzero(np.asarray(GRID) == 1.0)[0])
    log_probs = logits.double().log_softmax(1)
    own = log_probs.gather(1, labels.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close((found.label_logit - found.lse[:, at_one]).double(), own, atol=1e-5, rtol=0)
    torch.testing.assert_close((-found.lse[:, at_one]).double(), log_probs.max(1).values, atol=1e-5, rtol=0)
    assert torch.equal(found.hit, logits.argmax(1) == labels)


def test_banned_tokens_are_legal_and_broken_ones_are_named():
    logits, labels = drawn(20, 30, 1.0)
    banned = logits.clone()
    banned[torch.arange(20), (labels + 1) % 30] = -torch.inf
    expected = temperature_moments(banned.numpy(), labels.numpy(), betas=GRID).sums[KEPT]
    np.testing.assert_allclose(token_sums(banned, labels, BETAS).sums.numpy(), expected, rtol=2e-5)
    for value in (torch.nan, torch.inf):
        broken = logits.clone()
        broken[7, 3] = value
        with pytest.raises(ValueError, match="supervised token 7"):
            token_sums(broken, labels, BETAS)
