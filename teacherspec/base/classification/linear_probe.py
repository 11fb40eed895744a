"""What a base knows before fine-tuning: simple classifiers on its frozen features.

Where a linear probe reaches the teacher's accuracy, fine-tuning adds nothing; the difference is its gain.
"""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.intervals import wilson_interval

NEIGHBOURS = 5
LINEAR_ITERATIONS = 500

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def probe(train: Features, train_labels: Labels, test: Features, test_labels: Labels) -> dict[str, Any]:
    """Accuracy of guessing the commonest class, of k nearest neighbours and of a linear classifier.

    Args:
        train: `[N, H]` frozen features the probes are fitted on.
        train_labels: `[N]`.
        test: `[M, H]` frozen features the probes are measured on.
        test_labels: `[M]`.
    """
    predicted = probe_predictions(train, train_labels, test)
    accuracies = {name: right_share(labels, test_labels) for name, labels in predicted.items()}
    return {"fitted_on": len(train), "measured_on": len(test), "accuracy": accuracies}


def probe_predictions(train: Features, train_labels: Labels, test: Features) -> dict[str, Labels]:
    """What each simple classifier predicts `[M]`.

    Neighbours by cosine similarity; the linear classifier is a logistic regression with L2 penalty 1 on
    standardised features.

    Args:
        train: `[N, H]` frozen features the probes are fitted on.
        train_labels: `[N]`.
        test: `[M, H]` frozen features.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    commonest = np.full(len(test), np.bincount(train_labels).argmax())
    neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(train)), metric="cosine", weights="distance")
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=LINEAR_ITERATIONS, tol=1e-3))
    with warnings.catch_warnings():
        # A probe stopped early is still a probe.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {
            "commonest_class": commonest,
            "nearest_neighbours": neighbours.fit(train, train_labels).predict(test),
            "linear_probe": linear.fit(train, train_labels).predict(test),
        }


def right_share(predicted: Labels, labels: Labels) -> dict[str, float]:
    """Share `[M]` of right answers with its interval."""
    right = wilson_interval(int((predicted == labels).sum()), len(labels))
    return {"value": right.value, "low": right.low, "high": right.high}
