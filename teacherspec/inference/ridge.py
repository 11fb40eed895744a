"""Ridge regression on frozen features: what a base knows of scores before fine-tuning."""

import numpy as np
import numpy.typing as npt

PENALTIES = tuple(10.0**power for power in range(-2, 6))
"""Weights of the L2 penalty that are tried, on standardised features."""

Features = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]


def fit_ridge(train: tuple[Features, Scores], features: Features) -> Scores:
    """Scores `[M]` of features `[M, H]` by a ridge regression, whose penalty leaving one row out chooses.

    Args:
        train: features `[N, H]` and scores `[N]` that it is fitted on.
        features: `[M, H]` of the rows to predict.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES))
    predicted: Scores = model.fit(train[0].astype(np.float64), train[1]).predict(features.astype(np.float64))
    return predicted
