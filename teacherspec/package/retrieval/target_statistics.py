"""How uncertain the teacher is about the soft targets of retrieval."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.metrics.scores.retrieval import candidate_sets, largest_candidate_set
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.retrieval.soft_targets import PREDICTED, load_scale, pairs_of

DIGITS = 6


def target_statistics(package: Path, splits: Sequence[str]) -> dict[str, Any]:
    """Numbers on what lies in `distill/`, in bounded memory.

    Args:
        package: folder of the package.
        splits: names of the splits in `distill/`.

    Returns:
        `entropy`: split → mean entropy, nats, of the softmax over candidate sets of texts, drawn among rows
        that are read together; `out_of_fold` and `tokens`: None.
    """
    scale = load_scale(package)
    entropy = {}
    for split in splits:
        total, count = 0.0, 0
        for batch in read_shards(package / "distill", split, PREDICTED):
            pairs = pairs_of(batch)
            size = min(scale.candidate_set_size, largest_candidate_set(pairs))
            log_probs = log_softmax(scale.logit_scale * candidate_sets(pairs, size, scale.seed))
            total -= float((np.exp(log_probs) * log_probs).sum())
            count += len(batch)
        entropy[split] = round(total / max(1, count), DIGITS)
    return {"entropy": entropy, "out_of_fold": None, "tokens": None}
