"""The loss of all arms on a batch of pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.scores.retrieval import Paired
from teacherspec.probe.arms import Arm
from teacherspec.probe.narrowed import narrowed

LEFT_OUT = -1e4
"""Logit of a pair that is neither right nor wrong; its probability is 0 in float32."""


class PairLoss:
    """The sum over arms of their mean losses of a batch, see docs/probe.md."""

    def __init__(
        self,
        arms: Sequence[Arm],
        teacher: Paired,
        scale: float,
        calibrator: Calibrator,
        width: int,
        seed: int,
    ) -> None:
        """Take the teacher's embeddings of all train pairs.

        Args:
            arms: `[A]`.
            teacher: N pairs.
            scale: by which the teacher multiplies cosines.
            calibrator: of the teacher.
            width: of the student's embeddings.
            seed: of what the controls draw.
        """
        self.teacher, self.scale, self.calibrator = teacher, scale, calibrator
        self.draw = np.random.default_rng([seed, len(teacher.images)])
        self.weight = torch.tensor([arm.weight for arm in arms])[:, None]
        self.by_distribution, self.by_embedding = (
            [
                place
                for place, arm in enumerate(arms)
                if arm.targets != "none" and arm.learns_embeddings == embeds
            ]
            for embeds in (False, True)
        )
        self.arms = arms
        self.temperature = torch.tensor([arms[place].temperature for place in self.by_distribution])
        other = self.draw.permutation(len(teacher.images))
        own = np.arange(len(other))
        learned = [
            other if arms[place].targets == "shuffled_embeddings" else own for place in self.by_embedding
        ]
        rows = np.asarray(learned, np.intp).reshape(-1, len(own))
        self.embeddings = [
            torch.from_numpy(one[rows]) for one in narrowed(teacher.images, teacher.texts, width)
        ]

    def __call__(
        self, images: torch.Tensor, texts: torch.Tensor, scales: torch.Tensor, rows: npt.NDArray[np.intp]
    ) -> torch.Tensor:
        """The loss of embeddings `[A, B, D]` of images and texts, with factors `[A]`, of the pairs `rows`."""
        logits = scales[:, None, None] * images @ texts.transpose(1, 2)
        hard = (self._of_pairs(logits, rows) + self._of_pairs(logits.transpose(1, 2), rows)) / 2
        soft = torch.zeros_like(hard)
        soft[self.by_distribution] = self._of_distributions(logits, rows)
        soft[self.by_embedding] = sum(
            (student[self.by_embedding] - own[:, rows]).square().sum(2) / 2
            for student, own in zip((images, texts), self.embeddings, strict=True)
        )
        return (self.weight * soft + (1 - self.weight) * hard).mean(1).sum()

    def _of_pairs(self, logits: torch.Tensor, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """Cross-entropy `[A, B]` of each query's own candidate; equal images and equal texts are left out."""
        images, texts = self.teacher.image_of[rows], self.teacher.text_of[rows]
        same = (images[:, None] == images) | (texts[:, None] == texts)
        np.fill_diagonal(same, val=False)
        kept = logits.masked_fill(torch.from_numpy(same), LEFT_OUT)
        return -functional.log_softmax(kept, dim=2).diagonal(dim1=1, dim2=2)

    def _of_distributions(self, logits: torch.Tensor, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """Cross-entropy `[K, B]` of the arms that learn distributions over the batch, times T²."""
        cosines = self.teacher.images[rows] @ self.teacher.texts[rows].T
        own = logits[self.by_distribution] / self.temperature[:, None, None]
        losses = torch.zeros(own.shape[:2])
        for student, teacher in ((own, cosines), (own.transpose(1, 2), cosines.T)):
            targets = torch.from_numpy(self._targets(self.scale * teacher))
            losses = losses - (targets * functional.log_softmax(student, dim=2)).sum(2) / 2
        return losses * self.temperature[:, None] ** 2

    def _targets(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Distributions `[K, B, B]` of the arms that learn some, from the teacher's logits `[B, B]`."""
        shuffled = np.roll(logits, 1, axis=0)  # the order of a batch is random
        sources: Mapping[str, npt.NDArray[Any]] = {
            "raw": logits,
            "calibrated": apply(self.calibrator, logits),
            "top_label": np.where(logits == logits.max(1, keepdims=True), 0.0, LEFT_OUT),
            "shuffled": shuffled,
            "smoothed": self._around_pairs(shuffled),
        }
        divided = [
            sources[arm.targets] / arm.temperature
            for arm in (self.arms[place] for place in self.by_distribution)
        ]
        stacked = torch.from_numpy(np.asarray(divided, np.float32).reshape(-1, *logits.shape))
        targets: npt.NDArray[np.float32] = stacked.softmax(2).numpy()
        return targets

    def _around_pairs(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The logits of each query with the largest at its own pair and the rest at others at random."""
        order = self.draw.random(logits.shape)
        np.fill_diagonal(order, -1.0)
        found = np.empty_like(logits)
        np.put_along_axis(found, order.argsort(axis=1), -np.sort(-logits, axis=1), axis=1)
        return found
