"""Logits to probabilities, stable for any finite logits because each row's own maximum is removed first."""

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray, logit_rows, shifted


def log_softmax(logits: npt.ArrayLike) -> FloatArray:
    """Log-probabilities `[N, C]` in nats of logits `[N, C]`; -∞ stays -∞.

    Raises:
        ValueError: wrong shape, or NaN, +∞ or nothing finite in a row.
    """
    z = shifted(logit_rows(logits))
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    return z


def softmax(logits: npt.ArrayLike) -> FloatArray:
    """Probabilities `[N, C]` of logits `[N, C]`.

    Raises:
        ValueError: wrong shape, or NaN, +∞ or nothing finite in a row.
    """
    z = shifted(logit_rows(logits))
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def top_label(scores: npt.ArrayLike) -> IntArray:
    """Index `[N]` of the largest score of each row of `[N, C]`, the lowest index on ties.

    Works alike on logits, log-probabilities and probabilities.

    Raises:
        ValueError: wrong shape, or NaN, +∞ or nothing finite in a row.
    """
    array = logit_rows(scores, name="scores")
    shifted(array, name="scores")
    best: IntArray = array.argmax(axis=1)
    return best
