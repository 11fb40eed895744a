"""What candidates for a multi-label base are ranked by: the loss of a linear probe on frozen features."""

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.candidates.scores import Scores, mean_over_rows
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.inference.label_targets import labels_to_measure
from teacherspec.inference.linear_probe import best_scaled, mean_binary_nll, penalised_fits
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.metrics.scores.multi_label import decision_nll
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

ROWS = 2_000
"""Most rows of train, and of validation, whose features are computed."""

BATCH = 32


def candidate_scores(
    task: Kind, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> Scores:
    """NLL of each validation row by a probe whose penalty the other half of these rows chose.

    Args:
        task: the declared task.
        model: of the candidate.
        processor: of the model.
        train: rows that the probes are fitted on.
        validation: rows that they are measured on.
    """
    import torch

    schema, classes = task.row_schema(), len(model.config.id2label)
    processor = task.cache_shared_inputs(model, processor)
    method = task.require(FrozenFeatures).features
    features, labels = [], []
    for rows in (sample(train, ROWS, SEED), sample(validation, ROWS, SEED)):
        outputs = row_outputs(task, method, model, processor, rows, BATCH)
        features.append(torch.from_numpy(outputs))
        labels.append(labels_to_measure(schema, rows, classes))
    fits = list(penalised_fits(features[0], labels[0], classes, loss=mean_binary_nll))
    losses = np.empty(len(labels[1]))
    halves = (slice(0, None, 2), slice(1, None, 2))
    for own, other in (halves, halves[::-1]):
        probe = best_scaled(fits, features[1][other], labels[1][other], loss=mean_binary_nll)
        losses[own] = decision_nll(probe.logits(features[1][own]).numpy(), labels[1][own].numpy()).mean(
            axis=1
        )
    return {"linear_probe": mean_over_rows(losses, np.ones(len(losses)), higher_is_better=False)}
