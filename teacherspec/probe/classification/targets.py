"""The soft targets of every arm, from the teacher's logits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.scores.softmax import softmax, top_label
from teacherspec.predictions.classification import NO_LABEL
from teacherspec.probe.arms import Arm


def arm_targets(
    arms: Sequence[Arm],
    logits: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    calibrator: Calibrator,
    seed: int,
) -> npt.NDArray[np.float32]:
    """Distributions `[A, N, C]` of each arm; zeros of an arm, or of a row in it, without soft targets.

    Args:
        arms: `[A]`.
        logits: `[N, C]`, raw.
        labels: `[N]`; `NO_LABEL` where a row has none.
        calibrator: of the teacher.
        seed: of the rows whose targets a control gives to others.
    """
    rows, classes = logits.shape
    shuffled = logits[_other_rows(rows, seed)]
    sources: Mapping[str, npt.NDArray[Any]] = {
        "raw": logits,
        "calibrated": apply(calibrator, logits),
        "shuffled": shuffled,
        "smoothed": _around_labels(shuffled, labels, seed),
    }
    found = np.zeros((len(arms), rows, classes), np.float32)
    for place, arm in enumerate(arms):
        if arm.targets == "top_label":
            found[place, np.arange(rows), top_label(logits)] = 1.0
        elif arm.targets in sources:
            found[place] = softmax(sources[arm.targets] / arm.temperature)
        if arm.is_smoothing:
            found[place, labels == NO_LABEL] = 0.0
    return found


def _around_labels(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], seed: int
) -> npt.NDArray[np.float32]:
    """The logits of each row with the largest at its label and the rest at other classes at random."""
    rows = np.arange(len(logits))
    order = np.random.default_rng([seed, *logits.shape]).random(logits.shape)
    order[rows, labels.clip(min=0)] = -1.0
    found = np.empty_like(logits)
    found[rows[:, None], order.argsort(axis=1)] = -np.sort(-logits, axis=1)
    return found


def _other_rows(rows: int, seed: int) -> npt.NDArray[np.intp]:
    """For each row another one: a random cycle through all of them."""
    order = np.random.default_rng([seed, rows]).permutation(rows)
    other = np.empty(rows, np.intp)
    other[order] = np.roll(order, 1)
    return other
