"""Ragged rows of tokens come back as they were written, whole and in part."""

from pathlib import Path

import numpy as np
import pytest

from teacherspec.errors import DataError
from teacherspec.predictions.top_k_tokens import (
    TopKTokens,
    load_top_k,
    load_vocabulary,
    save_top_k,
    save_vocabulary,
)

LENGTHS, POSITIONS = [5, 3, 7], [2, 1, 4]


def tokens() -> TopKTokens:
    draw = np.random.default_rng(0)
    total, places = sum(LENGTHS), sum(POSITIONS)
    return TopKTokens(
        ["a", "b", "c"],
        np.array(LENGTHS),
        draw.integers(50, size=total).astype(np.int32),
        draw.random(total) < 0.5,
        np.array(POSITIONS),
        {
            "token_ids": draw.integers(50, size=(places, 4)).astype(np.int32),
            "top_values": draw.normal(size=(places, 4)).astype(np.float16),
            "tail_log_mass": draw.normal(size=places).astype(np.float32),
        },
    )


def equal(one: TopKTokens, other: TopKTokens) -> None:
    assert list(one.ids) == list(other.ids)
    for name in ("lengths", "input_ids", "supervised", "positions"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.targets.keys() == other.targets.keys()
    for name, values in one.targets.items():
        np.testing.assert_array_equal(values, other.targets[name])
        assert values.dtype == other.targets[name].dtype


def test_what_is_written_is_read(tmp_path: Path) -> None:
    save_top_k(tmp_path, "test", tokens())
    save_vocabulary(tmp_path, 50)
    equal(load_top_k(tmp_path, "test"), tokens())
    assert load_vocabulary(tmp_path) == 50


def test_some_rows_are_their_own_slices() -> None:
    whole = tokens()
    taken = whole.take([2, 0])
    assert taken.ids == ["c", "a"]
    np.testing.assert_array_equal(taken.input_ids, np.concatenate([whole.input_ids[8:], whole.input_ids[:5]]))
    top = whole.targets["token_ids"]
    np.testing.assert_array_equal(taken.targets["token_ids"], np.concatenate([top[3:], top[:2]]))
    equal(TopKTokens.joined([whole.take([0]), whole.take([1, 2])]), whole)


def test_what_was_not_stored_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"declare `evaluate.top_k`"):
        load_top_k(tmp_path, "test")


def test_sizes_that_disagree_are_refused() -> None:
    whole = tokens()
    with pytest.raises(ValueError, match="15 tokens, 6 positions"):
        TopKTokens(
            whole.ids, whole.lengths, whole.input_ids, whole.supervised, np.array([2, 1, 3]), whole.targets
        )
