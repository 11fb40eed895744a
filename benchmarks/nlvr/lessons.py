"""What teaches to see: statements, each with all the pictures of a step that it is true and false of.

NLVR asks for counting, colours and places at once, which thousands of rows do not teach a model that has
never seen anything. Each picture comes with a list of what is drawn on it; of a step's S statements and P
pictures these lists tell all S x P truths.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.nlvr.counting import Draw
from benchmarks.nlvr.items import about_items
from benchmarks.nlvr.scenes import ORDERS, Scene
from benchmarks.nlvr.towers import about_towers

if TYPE_CHECKING:
    import torch

TRIES = 40
"""Pictures looked at for one that a statement is true of and one that it is false of."""
WARM_UP, TOLD_EVERY, LONGEST_GRADIENT = 100, 50, 1.0


@dataclass(frozen=True)
class Lesson:
    """Pictures, statements, and what is true of which."""

    pictures: Sequence[str]
    """[P], names."""

    statements: Sequence[str]
    """[S]."""

    truths: Sequence[Sequence[bool]]
    """[S, P]; of each statement some are true and some are false."""


class School:
    """Draws lessons on scenes: each on towers alone or on items alone, since no statement suits both."""

    def __init__(self, scenes: Sequence[Scene], seed: int) -> None:
        """Sort the scenes."""
        self._draw = Draw(seed)
        self._towers = [(scene, towers) for scene in scenes if (towers := scene.towers)]
        self._items = [(scene, scene.boxes) for scene in scenes if not scene.towers]

    def lesson(self, pictures: int, statements: int) -> Lesson:
        """So many statements on so many pictures."""
        scenes, about = self._subject()
        shown = self._draw.sample(scenes, pictures)
        told: list[tuple[str, list[bool]]] = []
        while len(told) < statements:
            statement, holds = about(self._draw)
            truths = [holds(seen) for _, seen in shown]
            if any(truths) and not all(truths):
                told.append((statement, truths))
        return Lesson([self._picture(scene) for scene, _ in shown], *zip(*told, strict=True))

    def rows(self, number: int) -> list[dict[str, str]]:
        """Statements on one picture that each is true of and one that it is false of, as rows."""
        rows: list[dict[str, str]] = []
        while len(rows) < number:
            scenes, about = self._subject()
            statement, holds = about(self._draw)
            found = {holds(seen): scene for scene, seen in self._draw.sample(scenes, TRIES)}
            if len(found) == 2:
                rows += (
                    {"picture": self._picture(scene), "sentence": statement, "label": str(truth).lower()}
                    for truth, scene in sorted(found.items())
                )
        return rows

    def _subject(self) -> tuple[Any, Any]:
        subjects = (self._towers, about_towers), (self._items, about_items)
        return self._draw.choices(subjects, [len(self._towers), len(self._items)])[0]

    def _picture(self, scene: Scene) -> str:
        return scene.picture(self._draw.randrange(ORDERS))


def balance(truths: "torch.Tensor") -> "torch.Tensor":
    """Weights [S, P] by which the true and the false pictures of each statement [S, P] count the same."""
    share = truths.mean(dim=1, keepdim=True)
    return truths / (2 * share) + (1 - truths) / (2 * (1 - share))


def balanced_loss(logits: "torch.Tensor", truths: "torch.Tensor") -> tuple["torch.Tensor", float]:
    """Binary cross-entropy of logits [S, P] by balanced weights, and the share right.

    Not to look at the pictures earns log 2 and 0.5.
    """
    import torch

    weights = balance(truths)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truths, weight=weights)
    return loss, (weights * ((logits > 0) == (truths > 0))).mean().item()


def study(
    name: str,
    weights: Iterable["torch.nn.Parameter"],
    steps: int,
    learning_rate: float,
    step: Callable[[], tuple["torch.Tensor", float]],
) -> None:
    """Train by AdamW with a warm-up and a cosine; tell loss and share right on standard error.

    Args:
        name: what is told.
        weights: what is trained.
        steps: how many.
        learning_rate: at its highest.
        step: draws a lesson; returns its loss and the share right.
    """
    import torch

    weights = list(weights)
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min((done + 1) / WARM_UP, (1 + math.cos(math.pi * done / steps)) / 2)
    )
    told = []
    for number in range(1, steps + 1):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, right = step()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        told.append((loss.item(), right))
        if number % TOLD_EVERY == 0 or number == steps:
            mean_loss, mean_right = (sum(one) / len(told) for one in zip(*told, strict=True))
            print(
                f"{name}: step {number}/{steps}  loss {mean_loss:.3f}  right {mean_right:.3f}",
                file=sys.stderr,
            )
            told = []
