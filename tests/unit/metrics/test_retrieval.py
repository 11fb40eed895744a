"""Recall and candidate sets against a slow count by hand, and what must not change them."""

import itertools
from math import comb

import numpy as np
import pytest

from teacherspec.metrics.scores.retrieval import Paired, candidate_sets, image_to_text, largest_candidate_set


def some_pairs(seed: int, rows: int = 24, images: int = 9, texts: int = 11, width: int = 4) -> Paired:
    """Random pairs, in which images and texts repeat, with equal vectors where they are equal."""
    draw = np.random.default_rng(seed)
    image_of, text_of = draw.integers(0, images, rows), draw.integers(0, texts, rows)

    def placed(numbers: np.ndarray, count: int) -> np.ndarray:
        vectors = draw.normal(size=(count, width)).astype(np.float32)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[numbers]

    return Paired(placed(image_of, images), placed(text_of, texts), image_of * 7, text_of * 5)


def by_hand(pairs: Paired) -> dict[int, int]:
    """Image number → place of its first right text, counted one by one."""
    texts = {int(name): pairs.texts[at] for at, name in enumerate(pairs.text_of)}
    right: dict[int, set[int]] = {}
    for image, text in zip(pairs.image_of.tolist(), pairs.text_of.tolist(), strict=True):
        right.setdefault(image, set()).add(text)
    ranks = {}
    for at, image in enumerate(pairs.image_of.tolist()):
        cosines = {name: float(pairs.images[at] @ vector) for name, vector in texts.items()}
        best = max(cosines[name] for name in right[image])
        ranks[image] = 1 + sum(value >= best for name, value in cosines.items() if name not in right[image])
    return ranks


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_those_counted_by_hand(seed: int) -> None:
    for pairs in (some_pairs(seed), some_pairs(seed).swapped()):
        expected = by_hand(pairs)
        found = image_to_text(pairs)
        assert found.rank.tolist() == [expected[name] for name in np.unique(pairs.image_of)]
        assert found.candidates == len(np.unique(pairs.text_of))


def test_neither_order_nor_repetition_changes_ranks() -> None:
    pairs = some_pairs(1)
    expected = image_to_text(pairs).rank
    draw = np.random.default_rng(0)
    for rows in (draw.permutation(24), np.concatenate([np.arange(24), [3, 3, 7]])):
        again = Paired(pairs.images[rows], pairs.texts[rows], pairs.image_of[rows], pairs.text_of[rows])
        np.testing.assert_array_equal(image_to_text(again).rank, expected)


def test_a_duplicate_taken_for_another_would_be_a_miss() -> None:
    """The control: with a number of its own for each row, equal texts push each other down."""
    image, other = np.eye(2, dtype=np.float32)
    images, texts = np.stack([image, other, other]), np.stack([image, image, other])
    numbers = np.arange(3)
    apart = image_to_text(Paired(images, texts, numbers, numbers))
    assert apart.rank[0] == 2  # its own text, and as near the same one of another row
    assert image_to_text(Paired(images, texts, numbers, np.array([0, 0, 1]))).rank[0] == 1


def test_a_model_that_tells_nothing_apart_finds_nothing() -> None:
    vectors = np.tile(np.eye(3, dtype=np.float32)[:1], (6, 1))
    pairs = Paired(vectors, vectors, np.arange(6), np.arange(6))
    assert image_to_text(pairs).recall(5) == 0.0
    # Ties go to the first candidate, and the right one is last.
    assert candidate_sets(pairs, 4, 0).argmax(axis=1).tolist() == [0] * 6


@pytest.mark.parametrize("k", [1, 3, 10, 11, 12])
def test_chance_is_the_share_of_orders_with_a_right_one(k: int) -> None:
    found = image_to_text(some_pairs(2))
    total = found.candidates
    expected = [1 - comb(total - right, k) / comb(total, k) if k <= total else 1.0 for right in found.right]
    assert found.chance(k) == pytest.approx(np.mean(expected))


def test_chance_by_all_orders() -> None:
    """Of five candidates, two of them right."""
    found = image_to_text(
        Paired(*np.zeros((2, 6, 2), np.float32), np.array([0, 0, 1, 2, 3, 3]), np.array([0, 1, 2, 3, 4, 4]))
    )
    orders = list(itertools.permutations(range(5)))
    shares = [
        np.mean([any(place < right for place in order[:2]) for order in orders]) for right in found.right
    ]
    assert found.chance(2) == pytest.approx(np.mean(shares))


def test_line_ups_hold_one_right_candidate() -> None:
    pairs = some_pairs(3)
    for asked in (pairs, pairs.swapped()):
        size = largest_candidate_set(pairs)
        lined = candidate_sets(asked, size, 5)
        np.testing.assert_allclose(lined[:, -1], (asked.images * asked.texts).sum(axis=1), atol=1e-6)
        for row, cosines in enumerate(lined[:, :-1]):
            right = set(asked.text_of[asked.image_of == asked.image_of[row]].tolist())
            wrong = {
                round(float(asked.images[row] @ asked.texts[at]), 5)
                for at, name in enumerate(asked.text_of.tolist())
                if name not in right
            }
            assert {round(float(one), 5) for one in cosines} <= wrong
    with pytest.raises(ValueError, match="wrong candidates"):
        candidate_sets(pairs, 1 + len(np.unique(pairs.text_of)), 0)


def test_pairs_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match="disagree"):
        Paired(np.zeros((3, 2), np.float32), np.zeros((2, 2), np.float32), np.arange(3), np.arange(3))
