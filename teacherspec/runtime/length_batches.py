"""Rows into batches for a model that is only asked: what shares a batch changes no answer but by rounding."""

from collections.abc import Sequence

import numpy as np


def longest_first(count: int, lengths: Sequence[int] | None, batch_size: int) -> list[list[int]]:
    """Places of `count` rows, by length and longest first, so that memory is known at the first batch.

    Args:
        count: of the rows.
        lengths: of each, or None where all are alike, which keeps their order.
        batch_size: rows of a batch; the last may have fewer.
    """
    order = np.arange(count) if lengths is None else np.argsort(-np.asarray(lengths), kind="stable")
    return [order[start : start + batch_size].tolist() for start in range(0, count, batch_size)]
