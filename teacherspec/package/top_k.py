"""A distribution over a vocabulary as its k most likely tokens and exact sums over all others.

Top-k alone is biased (Anshumann et al. 2025, https://arxiv.org/abs/2503.16870): a student that is taught it
as if it were everything grows over-confident. So the tail is kept as sums, at the temperatures a student may
distil with, and on request as tokens drawn from the whole distribution, whose counts are unbiased.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TEMPERATURES = (1.0, 2.0, 4.0)
"""Distillation temperatures at which the tail is summed, in the order of `tail_log_sums`."""

POSITIONS_AT_ONCE = 64
"""Rows of the vocabulary in work at a time: 64 × 152,000 float32 are 39 MB."""

FEWEST, MOST = 8, 64
"""Bounds of a k that is chosen."""


@dataclass(frozen=True)
class TopK:
    """Of T positions, the k most likely tokens and what the others come to.

    Attributes:
        token_ids: `[T, k]` int32, the most likely first.
        log_probs: `[T, k]` float16, nats, at temperature 1.
        logsumexp: `[T]` float32, of the raw logits: a token's logit is its log-probability plus this.
        tail_log_sums: `[T, 3]` float32, log Σ exp(log p / t) over all other tokens for t of `TEMPERATURES`;
            -inf where there is none. The share of the tail at temperature t is a softmax away.
    """

    token_ids: "torch.Tensor"
    log_probs: "torch.Tensor"
    logsumexp: "torch.Tensor"
    tail_log_sums: "torch.Tensor"


def top_k(logits: "torch.Tensor", k: int) -> TopK:
    """The k most likely tokens of each position.

    Args:
        logits: `[T, V]`, raw.
        k: how many; all V where V is smaller.
    """
    import torch

    parts = [
        _top_k(part.float(), min(k, logits.shape[-1])) for part in torch.split(logits, POSITIONS_AT_ONCE)
    ]
    return TopK(*(torch.cat([vars(part)[name] for part in parts]) for name in TopK.__dataclass_fields__))


def _top_k(logits: "torch.Tensor", k: int) -> TopK:
    import torch

    total = logits.logsumexp(-1)
    log_probs = logits - total[:, None]
    values, ids = log_probs.topk(k)
    rest = log_probs.scatter(-1, ids, -torch.inf)
    tails = torch.stack([(rest / t).logsumexp(-1) for t in TEMPERATURES], -1)
    return TopK(ids.int(), values.half(), total, tails)


def choose_k(logits: "torch.Tensor", tail_mass: float) -> int:
    """The smallest k from 8 to 64 whose mean tail mass is at most `tail_mass`; 64 where none is.

    Args:
        logits: `[T, V]` of sampled positions.
        tail_mass: probability outside the top k, mean over positions.
    """
    import torch

    covered = torch.zeros(min(MOST, logits.shape[-1]), dtype=torch.float64)
    for part in torch.split(logits, POSITIONS_AT_ONCE):
        covered += part.float().softmax(-1).topk(len(covered)).values.double().cumsum(-1).sum(0)
    enough = torch.nonzero(1 - covered / len(logits) <= tail_mass).flatten()
    chosen = int(enough[0]) + 1 if len(enough) else len(covered)
    return max(min(FEWEST, len(covered)), chosen)


def tail_mass(targets: TopK) -> "torch.Tensor":
    """Probability `[T]` of all tokens outside the top k, at temperature 1."""
    return targets.tail_log_sums[:, 0].exp()


def log_probs_at(targets: TopK, temperature: float) -> "tuple[torch.Tensor, torch.Tensor]":
    """The distribution at a distillation temperature, exact but for the storage in float16.

    Returns:
        Log-probabilities of the top k `[T, k]` and of all others together `[T]`, float32.

    Raises:
        ValueError: the tail was not summed at this temperature.
    """
    import torch

    place = TEMPERATURES.index(temperature)
    top = targets.log_probs.float() / temperature
    tail = targets.tail_log_sums[:, place]
    total = torch.logaddexp(top.logsumexp(-1), tail)
    return top - total[:, None], tail - total


def sample_counts(
    logits: "torch.Tensor", draws: int, generator: "torch.Generator"
) -> "list[tuple[list[int], list[int]]]":
    """Tokens drawn from the whole distribution at temperature 1, with how often: counts / draws is unbiased.

    Args:
        logits: `[T, V]`, raw.
        draws: independent draws a position.
        generator: seeded by the caller, so that the draws are the same again.

    Returns:
        A pair (token ids ascending, counts) a position.
    """
    import torch

    found = []
    for part in torch.split(logits, POSITIONS_AT_ONCE):
        for drawn in torch.multinomial(
            part.float().softmax(-1), draws, replacement=True, generator=generator
        ):
            ids, counts = drawn.unique(return_counts=True)
            found.append((ids.tolist(), counts.tolist()))
    return found
