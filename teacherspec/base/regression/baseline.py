"""How well a base predicts scores before fine-tuning: ridge regression on its frozen features."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.regression import labels_of
from teacherspec.inference.ridge import fit_ridge
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.metrics.scores.regression import score_metrics
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

ROWS, BATCH = 2_000, 32


def measure_baseline(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> dict[str, Any]:
    """Errors and correlations of the mean score and of a ridge regression on frozen features.

    Args:
        task: the declared task.
        model: the base.
        processor: of the base.
        train: rows that the ridge regression is fitted on.
        validation: rows that it is measured on.
    """
    sampled = [sample(rows, ROWS, SEED) for rows in (train, validation)]
    features = task.require(FrozenFeatures).features
    inputs = [row_outputs(task, features, model, processor, rows, BATCH) for rows in sampled]
    labels = [labels_of(rows) for rows in sampled]
    predicted = {
        "mean_score": np.full(len(labels[1]), labels[0].mean()),
        "ridge": fit_ridge(inputs[0], labels[0])(inputs[1]),
    }
    scores = {name: score_metrics(one, labels[1]) for name, one in predicted.items()}
    return {"fitted_on": len(labels[0]), "measured_on": len(labels[1]), "scores": scores}


def describe_baseline(untrained: Mapping[str, Any]) -> Iterator[str]:
    """The predictors as a table."""
    yield "## Untrained\n"
    yield (
        f"Predictors fitted on {untrained['fitted_on']} training examples, measured on "
        f"{untrained['measured_on']} validation examples. Fine-tuning must beat them.\n"
    )
    yield "| predictor | RMSE | MAE | Pearson | Spearman |"
    yield "|---|--:|--:|--:|--:|"
    for name, found in untrained["scores"].items():
        cells = (f"{found[metric]:.3f}" for metric in ("rmse", "mae", "pearson", "spearman"))
        yield f"| {' | '.join([name.replace('_', ' '), *cells])} |"
    yield ""


def headline(untrained: Mapping[str, Any]) -> str:
    """The correlation to beat."""
    found = untrained["scores"]["ridge"]
    return f"untrained Pearson {found['pearson']:.3f}, RMSE {found['rmse']:.3f} (ridge regression)"
