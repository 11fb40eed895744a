"""Batches for inference: every row once, little padding."""

import numpy as np
import pytest

from teacherspec.runtime.length_batches import FULL_TOKENS, least_padding, longest_first


def padding(lengths: list[int], batches: list[list[int]]) -> float:
    """Share of the computed tokens that is padding."""
    computed = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    return 1 - sum(lengths) / computed


@pytest.mark.parametrize("rows", [0, 1, 5, 64, 3_000])
def test_every_row_is_in_one_batch_of_bounded_size(rows: int) -> None:
    lengths = np.random.default_rng(rows).integers(3, 60, rows).tolist()
    batches = least_padding(rows, lengths, 64)
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert all(0 < len(batch) <= 64 for batch in batches)
    of_batches = [lengths[batch[0]] for batch in batches]
    assert of_batches == sorted(of_batches, reverse=True), "the first batch needs the most memory"


def test_many_rows_leave_little_padding_and_full_batches() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(2.7, 0.45, 8_000), 4, 128).astype(int).tolist()
    batches = least_padding(len(lengths), lengths, 64)
    assert padding(lengths, batches) < 0.2 * padding(lengths, longest_first(len(lengths), lengths, 64))
    tokens = [len(batch) * lengths[batch[0]] for batch in batches]
    assert np.median(tokens) > FULL_TOKENS


def test_few_rows_of_each_length_share_a_batch() -> None:
    assert least_padding(4, [9, 3, 7, 8], 64) == [[0, 3, 2, 1]]


def test_rows_of_one_length_keep_their_order() -> None:
    assert least_padding(5, None, 2) == [[0, 1], [2, 3], [4]]
