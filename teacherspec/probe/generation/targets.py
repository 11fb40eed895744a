"""The soft targets of every arm at the positions of a batch, and the loss that they are learned by."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from teacherspec.predictions.top_k_tokens import TopKTokens
from teacherspec.probe.arms import Arm
from teacherspec.text.topk_logits import TopK, log_probs_at


class Targets(NamedTuple):
    """Distributions at U positions: some tokens, and all others together.

    Attributes:
        token_ids: `[U, k]`.
        probs: `[U, k]` of these tokens.
        rest: `[U]` probability of all others.
    """

    token_ids: torch.Tensor
    probs: torch.Tensor
    rest: torch.Tensor


class Given(NamedTuple):
    """What the targets of an arm are made of, at U positions.

    Attributes:
        own: the teacher's top k.
        other: the same at a position of another answer.
        around: `[U, k]` the token that follows, then others at random, each once.
        calibration: temperature of the calibrator.
    """

    own: TopK
    other: TopK
    around: torch.Tensor
    calibration: float


def arm_targets(arm: Arm, given: Given) -> Targets:
    """The soft targets of an arm that has some."""
    return SOURCES[arm.targets](arm, given)


def _at(stored: TopK, temperature: float) -> Targets:
    top, rest = log_probs_at(stored, temperature)
    return Targets(stored.token_ids.long(), top.exp(), rest.exp())


def _top_token(_: Arm, given: Given) -> Targets:
    first = given.own.token_ids[:, :1].long()
    return Targets(first, torch.ones(first.shape), torch.zeros(len(first)))


SOURCES: Mapping[str, Callable[[Arm, Given], Targets]] = {
    "top_label": _top_token,
    "raw": lambda arm, given: _at(given.own, arm.temperature),
    "calibrated": lambda arm, given: _at(given.own, arm.temperature * given.calibration),
    "shuffled": lambda arm, given: _at(given.other, arm.temperature),
    "smoothed": lambda arm, given: _at(given.other, arm.temperature)._replace(token_ids=given.around),
}
"""`Arm.targets` → the targets; an arm with labels alone has none."""


def top_k_loss(logits: torch.Tensor, targets: Targets, temperature: float) -> torch.Tensor:
    """Cross-entropy `[U]` in nats of k + 1 probabilities: of each token, and of all others together.

    It differs from the divergence KL(p ‖ q) of docs/probe.md by the entropy of p, which no student changes.

    Args:
        logits: `[U, V]` of the student.
        targets: of the teacher, at this temperature.
        temperature: divides the student's logits.
    """
    log_probs = (logits / temperature).log_softmax(1)
    rest = log_probs.scatter(1, targets.token_ids, -torch.inf).logsumexp(1)
    top = (targets.probs * log_probs.gather(1, targets.token_ids)).sum(1)
    # Where the tokens are the whole vocabulary, no other one is left, and its share is 0.
    return -top - torch.where(targets.rest > 0, targets.rest * rest, 0.0)


def stored(tokens: TopKTokens) -> TopK:
    """The targets as tensors."""
    return TopK(*(torch.from_numpy(tokens.targets[name]) for name in TopK._fields))


def at_positions(top_k: TopK, positions: npt.NDArray[np.int64]) -> TopK:
    """Those of some positions."""
    return TopK(*(column[torch.from_numpy(positions)] for column in top_k))


def other_positions(tokens: TopKTokens, seed: int) -> npt.NDArray[np.int64]:
    """For each position `[U]` one of another answer, both drawn at random.

    Raises:
        ValueError: there is one answer only.
    """
    rows = len(tokens.ids)
    if rows < 2:
        raise ValueError("a position of another answer needs two answers")
    draw = np.random.default_rng([seed, rows])
    order = draw.permutation(rows)
    other = np.empty(rows, np.int64)
    other[order] = np.roll(order, 1)
    owner = np.repeat(other, tokens.positions)
    within = np.floor(draw.random(len(owner)) * tokens.positions[owner]).astype(np.int64)
    found: npt.NDArray[np.int64] = tokens.position_starts[owner] + within
    return found


def tokens_around(labels: npt.NDArray[np.int64], k: int, vocabulary: int, seed: int) -> npt.NDArray[np.int64]:
    """`[U, k]` each label, then k - 1 other tokens that follow each other from a random one on.

    Args:
        labels: `[U]`.
        k: below the size of the vocabulary.
        vocabulary: how many tokens there are.
        seed: of the draw.
    """
    start = np.random.default_rng([seed, len(labels)]).integers(vocabulary - 1, size=len(labels))
    steps = (start[:, None] + np.arange(k - 1)) % (vocabulary - 1) + 1
    found: npt.NDArray[np.int64] = labels[:, None] + np.concatenate([np.zeros_like(start)[:, None], steps], 1)
    return found % vocabulary
