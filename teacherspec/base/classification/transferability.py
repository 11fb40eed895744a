"""Scores of features for a task that need no trained classifier: LogME and H-score."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]

ITERATIONS = 100
TOLERANCE = 1e-3
"""Relative change of α/β at which the fixed point is reached, as in the authors' code."""

SMALLEST = 1e-12


def logme(features: Features, labels: Labels) -> float:
    """Log of the maximum evidence of a linear model from features to each class, nats a row and class.

    You et al. 2021, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning" (ICML, arXiv
    2102.11005), algorithm 1: a Bayesian linear regression from features to the indicator of each class, whose
    prior and noise precisions α and β maximise the evidence. The fixed point iterates on the eigenvalues of
    FᵀF, for all classes at once; the mean over the classes that occur is returned.

    Args:
        features: `[N, H]`.
        labels: `[N]`.
    """
    rows, width = features.shape
    values = features.astype(np.float64)
    targets = np.eye(int(labels.max()) + 1)[:, np.unique(labels)][labels]  # [N, C]
    eigenvalues, vectors = np.linalg.eigh(values.T @ values)
    kept = eigenvalues > max(eigenvalues[-1], SMALLEST) * SMALLEST
    squares = eigenvalues[kept][:, None]  # [K, 1], the squared singular values of F
    projected = (vectors[:, kept].T @ (values.T @ targets)) ** 2 / squares  # [K, C]: (Uᵀy)²
    beyond = np.maximum((targets**2).sum(0) - projected.sum(0), 0.0)  # [C], of y outside the span of F
    alpha = beta = np.ones(targets.shape[1])
    for _ in range(ITERATIONS):
        precision = alpha + beta * squares
        fitted = (beta * squares / precision).sum(0)
        weights = np.maximum((beta**2 * squares * projected / precision**2).sum(0), SMALLEST)
        residual = np.maximum((alpha**2 * projected / precision**2).sum(0) + beyond, SMALLEST)
        before = alpha / beta
        alpha, beta = fitted / weights, (rows - fitted) / residual
        if np.all(np.abs(alpha / beta - before) <= TOLERANCE * before):
            break
    precision = alpha + beta * squares
    weights = (beta**2 * squares * projected / precision**2).sum(0)
    residual = (alpha**2 * projected / precision**2).sum(0) + beyond
    log_determinant = np.log(precision).sum(0) + (width - int(kept.sum())) * np.log(alpha)
    evidence = (
        width * np.log(alpha) + rows * np.log(beta) - rows * math.log(2 * math.pi)
        - beta * residual - alpha * weights - log_determinant
    ) / 2  # fmt: skip
    return float(evidence.mean() / rows)


def h_score(features: Features, labels: Labels) -> float:
    """Variance of the features between classes, measured by their whole covariance; between 0 and C - 1.

    Bao et al. 2019, "An Information-Theoretic Approach to Transferability in Task Transfer Learning" (ICIP):
    tr(cov(F)⁻¹ cov(E[F|y])). Both covariances are shrunk as by Ibrahim et al. 2021, "Newer is not always
    better: Rethinking transferability metrics" (arXiv 2110.06893), with the intensity of Ledoit and Wolf
    2004, without which the inverse is noise where there are few rows.

    Args:
        features: `[N, H]`.
        labels: `[N]`.
    """
    from sklearn.covariance import ledoit_wolf

    values = features.astype(np.float64)
    centred = values - values.mean(0)
    covariance, shrinkage = ledoit_wolf(centred, assume_centered=True)
    classes, counts = np.unique(labels, return_counts=True)
    means = np.stack([centred[labels == label].mean(0) for label in classes])  # [C, H]
    between = (means * counts[:, None]).T @ means / len(labels)
    return float(np.trace(np.linalg.lstsq(covariance, (1.0 - shrinkage) * between, rcond=None)[0]))
