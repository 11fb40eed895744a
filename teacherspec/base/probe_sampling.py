"""The sample of rows that a base is measured on."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

SEED = 0
"""Seed of the sample and of the new head."""


def sample(rows: "Dataset", limit: int, seed: int) -> "Dataset":
    """At most `limit` rows, drawn without replacement by `seed`, in the order of the split."""
    if len(rows) <= limit:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), size=limit, replace=False)
    return rows.select(np.sort(chosen))
