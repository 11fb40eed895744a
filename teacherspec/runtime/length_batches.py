"""Batches of rows of similar length for inference, where batching changes outputs within rounding only."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

FULL_TOKENS = 512
"""Tokens from which on the products of a forward pass run at full speed: more in a batch gain nothing that
padding would be worth."""


def longest_first(count: int, lengths: Sequence[int] | None, batch_size: int) -> list[list[int]]:
    """Indices of `count` rows in batches, longest rows first, so that the first batch needs the most memory.

    Args:
        count: number of rows.
        lengths: of each row, or None where all are equally long, which keeps their order.
        batch_size: rows of a batch; the last may have fewer.
    """
    order = np.arange(count) if lengths is None else np.argsort(-np.asarray(lengths), kind="stable")
    return [order[start : start + batch_size].tolist() for start in range(0, count, batch_size)]


def least_padding(count: int, lengths: Sequence[int] | None, batch_size: int) -> list[list[int]]:
    """As `longest_first`, but a batch of `FULL_TOKENS` ends where the next row is shorter.

    Of many rows nearly all share a batch with rows of exactly their length: no time is spent on padding, and
    models leave the mask of their attention away.

    Args:
        count: number of rows.
        lengths: tokens of each row, or None where all are equally long, which keeps their order.
        batch_size: rows of a batch, at most.
    """
    if lengths is None:
        return longest_first(count, lengths, batch_size)
    return list(_least_padding(np.asarray(lengths), batch_size))


def _least_padding(lengths: npt.NDArray[np.int64], batch_size: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for row in np.argsort(-lengths, kind="stable").tolist():
        if batch:
            longest = lengths[batch[0]]
            shorter_and_full = lengths[row] < longest and len(batch) * longest >= FULL_TOKENS
            if shorter_and_full or len(batch) == batch_size:
                yield batch
                batch = []
        batch.append(row)
    if batch:
        yield batch
