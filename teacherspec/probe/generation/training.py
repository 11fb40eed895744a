"""The training of all arms of a student of a language model: one seed, one budget, shared batches."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from teacherspec.metrics.binning import bin_index
from teacherspec.predictions.top_k_tokens import TopKTokens
from teacherspec.probe.arms import Arm
from teacherspec.probe.generation.rows import ProbeTokens, by_prompt, next_tokens, predicting_places, weights
from teacherspec.probe.generation.targets import (
    Given,
    arm_targets,
    at_positions,
    other_positions,
    stored,
    tokens_around,
    top_k_loss,
)
from teacherspec.probe.outcome import RowScores
from teacherspec.probe.training_loop import train_arms
from teacherspec.spec.probe.students import TrainedStudent
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import SUPERVISED
from teacherspec.text.topk_logits import TopK

SCORED_LOGITS = 1 << 24
"""Logits of a forward pass without gradients: 64 MiB in float32."""

SCORED_ROWS = 256
"""Answers of such a pass at most."""


class Batch(NamedTuple):
    """Some answers.

    Attributes:
        inputs: `input_ids` `[B, L]`, padded on the right, and `supervised` `[U]`, places in them flattened.
        labels: `[U]` the tokens that follow.
        positions: `[U]` their place among the positions of all answers.
    """

    inputs: Mapping[str, torch.Tensor]
    labels: torch.Tensor
    positions: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Answers of which batches are taken.

    Attributes:
        tokens: of N answers.
    """

    tokens: TopKTokens

    @cached_property
    def _labels(self) -> npt.NDArray[np.int64]:
        return next_tokens(self.tokens)

    @cached_property
    def _places(self) -> npt.NDArray[np.int64]:
        return predicting_places(self.tokens)

    def batch(self, rows: npt.NDArray[np.intp]) -> Batch:
        """Some answers. Nothing attends to what follows it, so that padding needs no mask."""
        tokens = self.tokens
        lengths = tokens.lengths[rows]
        ids = np.zeros((len(rows), int(lengths.max())), np.int64)
        positions = []
        for at, row in enumerate(rows):
            ids[at, : lengths[at]] = tokens.input_ids[slice(*tokens.token_starts[row : row + 2])]
            positions.append(np.arange(*tokens.position_starts[row : row + 2]))
        chosen = np.concatenate(positions)
        line = np.repeat(np.arange(len(rows)), tokens.positions[rows])
        flat = torch.from_numpy(line * ids.shape[1] + self._places[chosen])
        inputs = {"input_ids": torch.from_numpy(ids), SUPERVISED: flat}
        return Batch(inputs, torch.from_numpy(self._labels[chosen]), chosen)


@dataclass(frozen=True)
class Lesson:
    """What the arms learn from.

    Attributes:
        answers: N answers with the teacher's top k.
        about: which of them somebody vouches for, vocabulary and calibration.
        rows: places of the answers of this budget.
        seed: of the controls, which learn targets of other answers.
    """

    answers: Answers
    about: ProbeTokens
    rows: npt.NDArray[np.intp]
    seed: int

    @cached_property
    def _top_k(self) -> TopK:
        return stored(self.answers.tokens)

    @cached_property
    def _others(self) -> npt.NDArray[np.int64]:
        return other_positions(self.answers.tokens, self.seed)

    @cached_property
    def _around(self) -> npt.NDArray[np.int64]:
        k = self._top_k.token_ids.shape[1]
        return tokens_around(next_tokens(self.answers.tokens), k, self.about.vocabulary, self.seed)

    def given(self, batch: Batch) -> Given:
        """The teacher's distributions at the positions of a batch."""
        own, other = (
            at_positions(self._top_k, at) for at in (batch.positions, self._others[batch.positions])
        )
        return Given(own, other, torch.from_numpy(self._around[batch.positions]), self.about.calibration)

    def has_label(self, batch: Batch) -> torch.Tensor:
        """`[U]` whether somebody vouches for the token that follows."""
        return torch.from_numpy(batch.positions < self.answers.tokens.position_starts[self.about.labelled])


def separate_arms(model: Any, arms: int) -> torch.nn.ModuleList:
    """One model an arm with the same weights, each from a batch's inputs to logits `[U, V]`."""
    return torch.nn.ModuleList([narrow_head(copy.deepcopy(model)) for _ in range(arms)])


def arm_loss(
    arm: Arm, logits: torch.Tensor, labels: torch.Tensor, has_label: torch.Tensor, given: Given
) -> torch.Tensor:
    """The mean loss over the positions of a batch that teach the arm, see docs/probe.md.

    Args:
        arm: whose loss.
        logits: `[U, V]` of its student.
        labels: `[U]` the tokens that follow.
        has_label: `[U]` whether somebody vouches for them.
        given: the teacher's distributions.
    """
    hard = functional.cross_entropy(logits, labels, reduction="none")
    taught = torch.ones_like(has_label) if arm.weight > 0 and not arm.is_smoothing else has_label
    loss = hard
    if arm.weight > 0:
        soft = arm.temperature**2 * top_k_loss(logits, arm_targets(arm, given), arm.temperature)
        loss = torch.where(has_label, arm.weight * soft + (1 - arm.weight) * hard, arm.weight * soft)
    return (loss * taught).sum() / taught.sum().clamp(min=1)


def score(models: torch.nn.ModuleList, answers: Answers, vocabulary: int) -> RowScores:
    """Scores `[1, 1, A, P]` of answers to P prompts at the weights as they are."""
    models.eval()
    tokens = answers.tokens
    step = max(1, min(SCORED_ROWS, SCORED_LOGITS // (vocabulary * int(tokens.positions.max()))))
    # Of similar lengths together: padding costs time.
    order = np.argsort(-tokens.lengths, kind="stable")
    found = np.empty((3, len(models), int(tokens.positions.sum())), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), step):
            batch = answers.batch(order[start : start + step])
            for place, model in enumerate(models):
                logs = functional.log_softmax(model(**batch.inputs).logits, dim=1)
                best, first = logs.max(1)
                nll = -logs.gather(1, batch.labels[:, None])[:, 0]
                values = torch.stack([(first == batch.labels).float(), nll, best.exp()])
                found[:, place, batch.positions] = values.numpy()
    pairs = zip(found[2], found[0], strict=True)
    errors = np.stack([calibration_errors(tokens, *of_arm) for of_arm in pairs])
    means = [by_prompt(tokens, values)[None, None] for values in (*found[:2], errors)]
    return RowScores(means[0], means[1], further={"ece": means[2]})


def calibration_errors(
    tokens: TopKTokens, confidences: npt.NDArray[np.float32], hits: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Confidence minus hit `[U]`, turned where the token's bin is underconfident.

    The mean over prompts, see `by_prompt`, is the expected calibration error of tokens (Guo et al. 2017, 15
    bins of equal width) in which every prompt weighs the same.

    Args:
        tokens: of the answers.
        confidences: `[U]` probability of the student's most likely token.
        hits: `[U]` 1 where it is right, 0 where it is wrong.
    """
    bins = bin_index(confidences.clip(max=1.0))
    gaps = confidences - hits
    errors: npt.NDArray[np.float32] = gaps * np.sign(np.bincount(bins, weights(tokens) * gaps))[bins]
    return errors.astype(np.float32)


def train_and_score(
    models: torch.nn.ModuleList,
    lesson: Lesson,
    arms: Sequence[Arm],
    student: TrainedStudent,
    sets: Mapping[str, Answers],
) -> dict[str, RowScores]:
    """Train one seed on one budget; scores `[1, K, A, P]` of each set.

    Raises:
        UserError: a loss is not finite.
    """

    def backward(rows: npt.NDArray[np.intp]) -> float:
        batch = lesson.answers.batch(rows)
        given, has_label = lesson.given(batch), lesson.has_label(batch)
        total = 0.0
        for model, arm in zip(models, arms, strict=True):
            # One after the other: the logits of one arm at a time lie in memory.
            value = arm_loss(arm, model(**batch.inputs).logits, batch.labels, has_label, given)
            value.backward()  # type: ignore[no-untyped-call]
            total += value.item()
        return total

    found: dict[str, list[RowScores]] = {name: [] for name in sets}
    for _ in train_arms(models, backward, lesson.rows, student, lesson.seed):
        for name, answers in sets.items():
            found[name].append(score(models, answers, lesson.about.vocabulary))
    return {name: RowScores.joined(epochs, axis=1) for name, epochs in found.items()}
