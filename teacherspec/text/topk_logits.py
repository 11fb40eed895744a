"""A distribution over a vocabulary as its k most likely tokens and sums over all others.

Top-k alone is biased (Anshumann et al. 2025, https://arxiv.org/abs/2503.16870): a student trained on it as if
it were the whole distribution becomes over-confident. So the tail is stored as sums, exact at the
temperatures that students usually distil with and to second order at any other, and on request as tokens
drawn from the whole distribution, whose counts are unbiased.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

CHUNK_LOGITS = 1 << 22
"""Logits reduced at once: 16 MiB in float32, whatever the vocabulary."""

TAILS = {1.0: "tail_log_mass", 2.0: "tail_log_sum_t2", 4.0: "tail_log_sum_t4"}
"""Distillation temperature → field of its exact tail sum."""


class TopK(NamedTuple):
    """What is stored of U positions; log-probabilities in nats at temperature 1.

    Attributes:
        token_ids: `[U, k]` int32, the likeliest tokens, most likely first.
        top_values: `[U, k]` float16, their log-probabilities.
        logsumexp: `[U]` of the raw logits: raw logit = log-probability + logsumexp.
        tail_log_mass: `[U]` log of the probability of all other tokens; -inf where it is 0.
        tail_log_sum_t2: `[U]` log Σ exp(log p / 2) over all other tokens.
        tail_log_sum_t4: `[U]` log Σ exp(log p / 4) over all other tokens.
        tail_mean: `[U]` their mean log-probability under their own softmax.
        tail_variance: `[U]` the variance of the same.
        label_log_prob: `[U]` of the token that follows.
        entropy: `[U]` of the whole distribution, nats.
    """

    token_ids: "torch.Tensor"
    top_values: "torch.Tensor"
    logsumexp: "torch.Tensor"
    tail_log_mass: "torch.Tensor"
    tail_log_sum_t2: "torch.Tensor"
    tail_log_sum_t4: "torch.Tensor"
    tail_mean: "torch.Tensor"
    tail_variance: "torch.Tensor"
    label_log_prob: "torch.Tensor"
    entropy: "torch.Tensor"


SCALARS = TopK._fields[2:]
"""Fields with one float32 a position."""


def reduce_logits(logits: "torch.Tensor", labels: "torch.Tensor", k: int) -> TopK:
    """What is stored of each position.

    Args:
        logits: `[U, V]`, raw.
        labels: `[U]` the tokens that follow.
        k: how many tokens; below V.
    """
    return _in_chunks(logits, labels, lambda log_probs, _: log_probs.topk(k, dim=1).indices)


def reduce_at(logits: "torch.Tensor", labels: "torch.Tensor", token_ids: "torch.Tensor") -> TopK:
    """The same for given tokens `[U, k]`, to compare with what is stored of them."""
    return _in_chunks(logits, labels, lambda log_probs, start: token_ids[start : start + len(log_probs)])


def _in_chunks(
    logits: "torch.Tensor",
    labels: "torch.Tensor",
    choose: "Callable[[torch.Tensor, int], torch.Tensor]",
) -> TopK:
    import torch

    step = max(1, CHUNK_LOGITS // logits.shape[1])
    parts = []
    for start in range(0, len(logits), step):
        part = logits[start : start + step].float()
        total = part.logsumexp(dim=1, keepdim=True)
        log_probs = part - total
        parts.append(_reduced(log_probs, total, labels[start : start + step], choose(log_probs, start)))
    return TopK(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _reduced(
    log_probs: "torch.Tensor", total: "torch.Tensor", labels: "torch.Tensor", ids: "torch.Tensor"
) -> TopK:
    import torch

    tail = log_probs.scatter(1, ids, -torch.inf)
    mass, half, quarter = ((tail / t).logsumexp(dim=1) for t in TAILS)
    # Where nothing is left, or a token is banned (-∞), its weight is 0 and so is 0 times its logarithm.
    weights = (tail - mass.unsqueeze(1)).exp().nan_to_num(nan=0.0)
    finite = tail.masked_fill(tail.isneginf(), 0.0)
    mean = (weights * finite).sum(dim=1)
    return TopK(
        ids.int(),
        log_probs.gather(1, ids).half(),
        total.squeeze(1),
        mass,
        half,
        quarter,
        mean,
        (weights * (finite - mean.unsqueeze(1)) ** 2).sum(dim=1),
        log_probs.gather(1, labels.unsqueeze(1)).squeeze(1),
        torch.special.entr(log_probs.exp()).sum(dim=1),
    )


def tail_at(stored: TopK, temperature: float) -> "torch.Tensor":
    """log Σ exp(log p / t) `[U]` over all tokens outside the top k.

    Exact at 1, 2 and 4; elsewhere from the tail's mean and variance, to second order in 1/t - 1.
    """
    if temperature in TAILS:
        exact: torch.Tensor = getattr(stored, TAILS[temperature])
        return exact
    step = 1.0 / temperature - 1.0
    return stored.tail_log_mass + step * stored.tail_mean + 0.5 * step**2 * stored.tail_variance


def log_probs_at(stored: TopK, temperature: float) -> "tuple[torch.Tensor, torch.Tensor]":
    """The distribution at a distillation temperature.

    Returns:
        Log-probabilities of the top k `[U, k]` and of all others together `[U]`, float32.
    """
    import torch

    top, tail = stored.top_values.float() / temperature, tail_at(stored, temperature)
    total = torch.logaddexp(top.logsumexp(dim=1), tail)
    return top - total.unsqueeze(1), tail - total


def draw_tokens(
    logits: "torch.Tensor", draws: int, generator: "torch.Generator"
) -> "list[tuple[list[int], list[int]]]":
    """Tokens drawn from the whole distribution at temperature 1, with how often: counts / draws is unbiased.

    Args:
        logits: `[U, V]`, raw, on the CPU.
        draws: independent draws a position.
        generator: seeded by the caller, so that the draws are the same again.

    Returns:
        A pair (token ids ascending, counts) a position.
    """
    import torch

    step = max(1, CHUNK_LOGITS // logits.shape[1])
    found = []
    for start in range(0, len(logits), step):
        probs = logits[start : start + step].float().softmax(dim=1)
        for drawn in torch.multinomial(probs, draws, replacement=True, generator=generator):
            ids, counts = drawn.unique(return_counts=True)
            found.append((ids.tolist(), counts.tolist()))
    return found
