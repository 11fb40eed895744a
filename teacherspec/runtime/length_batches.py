"""Batches of rows of similar length for inference, where batching changes outputs within rounding only."""

from collections.abc import Sequence

import numpy as np


def longest_first(count: int, lengths: Sequence[int] | None, batch_size: int) -> list[list[int]]:
    """Indices of `count` rows in batches, longest rows first, so that the first batch needs the most memory.

    Args:
        count: number of rows.
        lengths: of each row, or None where all are equally long, which keeps their order.
        batch_size: rows of a batch; the last may have fewer.
    """
    order = np.arange(count) if lengths is None else np.argsort(-np.asarray(lengths), kind="stable")
    return [order[start : start + batch_size].tolist() for start in range(0, count, batch_size)]
