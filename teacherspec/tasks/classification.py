"""What every kind of classification measures alike while it trains."""

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.classification import accuracy, macro_f1
from teacherspec.metrics.proper import brier, nll
from teacherspec.metrics.softmax import softmax, top_label

HIGHER_IS_BETTER = {"nll": False, "brier": False, "accuracy": True, "macro_f1": True}


def measure(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """The metrics that may choose a checkpoint.

    Args:
        logits: `[N, C]`, raw.
        labels: `[N]`.

    Returns:
        `nll` (nats, mean over rows, independent of batches), `accuracy`, `macro_f1`, `brier`.

    Raises:
        ValueError: a logit is NaN, or a label outside the classes.
    """
    predicted, classes = top_label(logits), logits.shape[1]
    return {
        "nll": nll(logits, labels),
        "accuracy": accuracy(labels, predicted, n_classes=classes),
        "macro_f1": macro_f1(labels, predicted, n_classes=classes),
        "brier": brier(softmax(logits), labels),
    }
