"""The soft targets of every arm, from the teacher's logits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.scores.softmax import softmax, top_label
from teacherspec.probe.arms import Arm


def arm_targets(
    arms: Sequence[Arm], logits: npt.NDArray[np.float32], calibrator: Calibrator, seed: int
) -> npt.NDArray[np.float32]:
    """Distributions `[A, N, C]` of each arm; of an arm without soft targets, zeros.

    Args:
        arms: `[A]`.
        logits: `[N, C]`, raw.
        calibrator: of the teacher.
        seed: of the rows whose targets a control gives to others.
    """
    rows, classes = logits.shape
    sources: Mapping[str, npt.NDArray[Any]] = {
        "raw": logits,
        "calibrated": apply(calibrator, logits),
        "shuffled": logits[_other_rows(rows, seed)],
    }
    found = np.zeros((len(arms), rows, classes), np.float32)
    for place, arm in enumerate(arms):
        if arm.targets == "top_label":
            found[place, np.arange(rows), top_label(logits)] = 1.0
        elif arm.targets != "none":
            found[place] = softmax(sources[arm.targets] / arm.temperature)
    return found


def _other_rows(rows: int, seed: int) -> npt.NDArray[np.intp]:
    """For each row another one: a random cycle through all of them."""
    order = np.random.default_rng([seed, rows]).permutation(rows)
    other = np.empty(rows, np.intp)
    other[order] = np.roll(order, 1)
    return other
