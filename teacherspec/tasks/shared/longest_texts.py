"""The longest texts of a split, by which memory is measured."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.tasks.shared.interfaces.base_fit import MemoryProbe

if TYPE_CHECKING:
    from datasets import Dataset

CANDIDATES = 2_000
"""Rows among which the longest are searched."""

ROWS = 2
TOKENS = 512
"""Longest input of the measured forward pass, tokens: enough to extrapolate, small enough for any machine."""


def longest_texts(
    rows: "Dataset",
    encode: "Callable[[Dataset], Dataset]",
    collate: Callable[[list[Any]], Mapping[str, Any]],
    max_length: int,
) -> MemoryProbe:
    """The longest of some rows as one batch; activations are taken to grow with the padded tokens.

    Args:
        rows: of a split.
        encode: to examples of at most `TOKENS` tokens, with their `length`.
        collate: from examples to a batch.
        max_length: of the task, tokens.
    """
    encoded = encode(rows.select(range(min(len(rows), CANDIDATES))))
    longest = np.argsort(-np.asarray(encoded["length"]), kind="stable")[:ROWS]
    batch = dict(collate([encoded[int(row)] for row in longest]))
    del batch["labels"]
    return MemoryProbe(batch, batch["input_ids"].numel(), max_length)
