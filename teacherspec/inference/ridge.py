"""Ridge regression on frozen features: what a base knows of scores before fine-tuning."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

PENALTIES = tuple(10.0**power for power in range(-2, 6))
"""Weights of the L2 penalty that are tried, on standardised features."""

Features = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]


def fit_ridge(features: Features, scores: Scores) -> Callable[[Features], Scores]:
    """A ridge regression, from features `[M, H]` to scores `[M]`; leaving one row out chooses its penalty.

    Args:
        features: `[N, H]` of the rows that it is fitted on.
        scores: `[N]`.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES)).fit(
        features.astype(np.float64), scores
    )

    def predict(others: Features) -> Scores:
        predicted: Scores = model.predict(others.astype(np.float64))
        return predicted

    return predict
