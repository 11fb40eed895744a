"""What stored soft targets lose of the distribution they were taken from."""

import math

import torch

from teacherspec.text.topk_logits import draw_tokens, log_probs_at, reduce_logits

DRAWS = 22


def losses(logits: torch.Tensor, labels: torch.Tensor, k: int) -> tuple[float, float, float]:
    """Mean tail mass, and KL of what a student can be taught to the full distribution, nats.

    The first KL(full ‖ taught) is with the tail spread evenly. With the tail dropped that is infinite, so the
    second is the other direction, KL(top k renormalised ‖ full): how far a student is drawn from the teacher.
    """
    stored = reduce_logits(logits, labels, k)
    full = logits.double().log_softmax(-1)
    top, tail = (found.double() for found in log_probs_at(stored, 1.0))
    taught = (tail - math.log(logits.shape[-1] - k))[:, None].expand(full.shape).clone()
    taught.scatter_(-1, stored.token_ids.long(), top)
    evenly = (full.exp() * (full - taught)).sum(-1).mean()
    alone = top.log_softmax(-1)
    away = (alone.exp() * (alone - full.gather(-1, stored.token_ids.long()))).sum(-1).mean()
    return float(stored.tail_log_mass.exp().mean()), float(evenly), float(away)


def temperature_loss(logits: torch.Tensor, labels: torch.Tensor, k: int, temperature: float) -> float:
    """Largest error of a stored probability after a temperature was applied to what is stored."""
    stored = reduce_logits(logits, labels, k)
    full = (logits.double() / temperature).softmax(-1).gather(-1, stored.token_ids.long())
    return float((log_probs_at(stored, temperature)[0].double().exp() - full).abs().max())


def draws_loss(logits: torch.Tensor) -> float:
    """KL(drawn shares ‖ full): the noise of one position, which averages out over positions."""
    full = logits.double().log_softmax(-1)
    found = draw_tokens(logits, DRAWS, torch.Generator().manual_seed(0))
    total = 0.0
    for position, (ids, counts) in enumerate(found):
        shares = torch.tensor(counts, dtype=torch.float64) / DRAWS
        total += float((shares * (shares.log() - full[position, ids])).sum())
    return total / len(found)
