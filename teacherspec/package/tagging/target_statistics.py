"""How uncertain the teacher is about the soft targets of words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.resumable_shards import read_shards

DIGITS = 6


def target_statistics(package: Path, splits: Sequence[str]) -> dict[str, Any]:
    """Numbers on what lies in `distill/`, in bounded memory.

    Args:
        package: folder of the package.
        splits: names of the splits in `distill/`.

    Returns:
        `entropy`: split → mean entropy a word, nats, at temperature 1; `out_of_fold` and `tokens`: None.
    """
    entropy = {}
    for split in splits:
        total, count = 0.0, 0
        for batch in read_shards(package / "distill", split, ["logits"]):
            flat = batch["logits"].flatten()
            if not len(flat):
                continue
            log_probs = log_softmax(flat.flatten().to_numpy().reshape(len(flat), -1))
            total -= float((np.exp(log_probs) * log_probs).sum())
            count += len(flat)
        entropy[split] = round(total / max(1, count), DIGITS)
    return {"entropy": entropy, "out_of_fold": None, "tokens": None}
