"""What candidates for a base of scores are ranked by: the error of ridge regression on their features."""

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.candidates.scores import Scores, mean_over_rows
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.base.regression.baseline import BATCH, ROWS
from teacherspec.inference.regression import labels_of
from teacherspec.inference.ridge import fit_ridge
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset


def candidate_scores(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> Scores:
    """Mean squared error on validation rows of a ridge regression that was fitted on train rows.

    Args:
        task: the declared task.
        model: of the candidate.
        processor: of the model.
        train: rows that it is fitted on.
        validation: rows that it is measured on.
    """
    sampled = [sample(rows, ROWS, SEED) for rows in (train, validation)]
    features = task.require(FrozenFeatures).features
    inputs = [row_outputs(task, features, model, processor, rows, BATCH) for rows in sampled]
    labels = [labels_of(rows) for rows in sampled]
    errors = (fit_ridge(inputs[0], labels[0])(inputs[1]) - labels[1]) ** 2
    return {"ridge_mse": mean_over_rows(errors, np.ones(len(errors)), higher_is_better=False)}
