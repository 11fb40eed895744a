"""What candidates for token classification are ranked by: how well features of words separate the tags."""

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.candidates.scores import Scores, mean_over_rows
from teacherspec.base.classification.candidate_scores import probe_nll
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.base.tagging.baseline import PROBE_BATCH, PROBE_ROWS
from teacherspec.inference.tagging import word_outputs
from teacherspec.tasks.shared.tagging_task import TaggingTask

if TYPE_CHECKING:
    from datasets import Dataset


def candidate_scores(
    task: TaggingTask, model: Any, processor: Any, train: "Dataset", validation: "Dataset"
) -> Scores:
    """NLL a word of a linear probe, rows resampled whole.

    Args:
        task: the declared task.
        model: of the candidate.
        processor: of the model.
        train: rows that the probe is fitted on.
        validation: rows that it is measured on.
    """
    outputs = [
        word_outputs(task, task.token_features, model, processor, sample(rows, PROBE_ROWS, SEED), PROBE_BATCH)
        for rows in (train, validation)
    ]
    features = outputs[0].values, outputs[1].values
    losses = probe_nll(features, [one.tags[one.read].astype(np.int64) for one in outputs])
    words, read = outputs[1].words, outputs[1].read
    row = np.repeat(np.arange(len(words)), words)[read]
    sums = np.bincount(row, weights=losses, minlength=len(words))
    counts = np.bincount(row, minlength=len(words))
    return {"linear_probe": mean_over_rows(sums, counts, higher_is_better=False)}
