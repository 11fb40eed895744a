"""Calibrated logits of labels that do not exclude each other, whose probabilities are their sigmoids."""

import numpy as np

from teacherspec.calibrators.fitted import Calibrator, Identity, Temperature, Vector
from teacherspec.metrics.scores.validation import FloatArray


def label_logits(calibrator: Calibrator, logits: FloatArray) -> FloatArray:
    """Calibrated logits `[N, C]`, whose sigmoids are the probabilities, of raw logits `[N, C]`.

    Raises:
        ValueError: the calibrator is for classes that exclude each other, or for another number of labels.
    """
    z = np.asarray(logits, dtype=np.float64)
    if isinstance(calibrator, Identity):
        return z
    if isinstance(calibrator, Temperature):
        return z / calibrator.temperature
    if isinstance(calibrator, Vector) and z.shape[1] == len(calibrator.scale):
        scaled: FloatArray = z * np.asarray(calibrator.scale) + np.asarray(calibrator.bias)
        return scaled
    raise ValueError(
        f"calibrator: given {calibrator.kind} for {z.shape[1]} labels that do not exclude each other"
    )
