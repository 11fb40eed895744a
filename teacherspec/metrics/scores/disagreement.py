"""What several models that answer the same rows agree on, and how far they disagree."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray


class Ensemble(NamedTuple):
    """The mean distribution of K models, and its entropy in two parts, in nats.

    Attributes:
        log_probs: `[N, C]` logarithm of the mean of their probabilities.
        aleatoric: `[N]` mean of their entropies: what each of them leaves open.
        epistemic: `[N]` mutual information between the class and the choice of a model: what only their
            disagreement adds. Between 0 and ln K.
    """

    log_probs: FloatArray
    aleatoric: FloatArray
    epistemic: FloatArray


def ensemble(log_probs: npt.ArrayLike) -> Ensemble:
    """The mean of K distributions, with total entropy = aleatoric + epistemic (Depeweg et al. 2018,
    https://arxiv.org/abs/1710.07283; the mutual information is that of BALD, Houlsby et al. 2011).

    Args:
        log_probs: `[K, N, C]` log-probabilities of each model, nats; -∞ for a probability of 0.

    Raises:
        ValueError: not three axes, or no models.
    """
    given = np.asarray(log_probs, np.float64)
    if given.ndim != 3 or not len(given):
        raise ValueError(f"expected log_probs [K, N, C] of K ≥ 1 models, got the shape {given.shape}")
    mean = np.logaddexp.reduce(given, axis=0) - np.log(len(given))
    aleatoric = entropy(given).mean(axis=0)
    # Rounding may leave a negative difference where all models agree.
    return Ensemble(mean, aleatoric, np.maximum(entropy(mean) - aleatoric, 0.0))


def entropy(log_probs: FloatArray) -> FloatArray:
    """Entropy over the last axis, nats."""
    probs = np.exp(log_probs)
    entropy: FloatArray = -(probs * np.where(probs > 0, log_probs, 0.0)).sum(axis=-1)
    return entropy
