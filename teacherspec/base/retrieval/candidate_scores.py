"""What candidates for a dual encoder are ranked by: recall at 1 as they are, in both directions."""

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.base.candidates.scores import Scores, mean_over_rows
from teacherspec.base.probe_sampling import SEED, sample
from teacherspec.base.retrieval.baseline import EMBEDDED_AT_ONCE, EMBEDDED_ROWS, refuse_one_embedding
from teacherspec.inference.retrieval import predict_pairs
from teacherspec.metrics.scores.retrieval import image_to_text
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset


def candidate_scores(
    task: Kind, model: Any, processor: Any, _train: "Dataset", validation: "Dataset"
) -> Scores:
    """Recall at 1 over all queries, images and texts, among validation rows.

    Args:
        task: the declared task.
        model: of the candidate.
        processor: of the model.
        _train: nothing is fitted.
        validation: rows that are embedded.

    Raises:
        BaseModelError: the base gives all images, or all texts, the same embedding.
    """
    pairs = predict_pairs(
        task, model, processor, sample(validation, EMBEDDED_ROWS, SEED), EMBEDDED_AT_ONCE
    ).pairs
    refuse_one_embedding(pairs)
    hits = np.concatenate([image_to_text(one).rank == 1 for one in (pairs, pairs.swapped())])
    return {"recall_at_1": mean_over_rows(hits, np.ones(len(hits)), higher_is_better=True)}
