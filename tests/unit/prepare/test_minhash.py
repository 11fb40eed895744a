"""Candidates by MinHash against all pairs by brute force."""

import string
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.prepare.dedup.candidate_pairs import Pairs, banding, similar_pairs
from teacherspec.prepare.dedup.minhash import (
    SHINGLE,
    TextComparison,
    band_keys,
    jaccard,
    shingle_hashes,
    shingles_of,
)
from teacherspec.prepare.mmap_columns import Workspace

LETTERS = list(string.ascii_lowercase + " ")


def random_text(draw: np.random.Generator, length: int) -> str:
    return "".join(draw.choice(LETTERS, length))


def edited(draw: np.random.Generator, text: str, edits: int) -> str:
    letters = list(text)
    for at in draw.choice(len(letters), edits, replace=False):
        letters[at] = str(draw.choice(LETTERS))
    return "".join(letters)


def found_in(texts: list[str], folder: Path, similarity: float = 0.8, memory_bytes: int = 1 << 30) -> Pairs:
    return similar_pairs(
        np.ones(len(texts), bool),
        TextComparison(
            similarity,
            lambda rows: [texts[row] for row in rows.tolist()],
            np.array([len(text) for text in texts], np.int32),
        ),
        lambda rows: (rows,),
        Workspace(folder, memory_bytes),
    )


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


@pytest.mark.parametrize("similarity", [0.6, 0.8, 0.9])
def test_nearly_all_similar_pairs_are_found_and_no_other(tmp_path: Path, similarity: float) -> None:
    draw = np.random.default_rng(1)
    texts = [random_text(draw, int(length)) for length in draw.integers(20, 200, 150)]
    texts += [edited(draw, text, int(draw.integers(1, 5))) for text in texts]
    shingles = [shingles_of(text) for text in texts]
    true = {
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if jaccard(shingles[a], shingles[b]) >= similarity
    }
    found = as_set(found_in(texts, tmp_path, similarity))
    assert found <= true
    assert len(true) >= 30
    assert len(found) >= 0.98 * len(true)


def test_similarities_are_exact(tmp_path: Path) -> None:
    texts = ["where is my new card please", "where is my new cart please"]
    pairs = found_in(texts, tmp_path, 0.5)
    assert pairs.similarity.tolist() == [jaccard(shingles_of(texts[0]), shingles_of(texts[1]))]


def test_a_crowd_stays_connected_in_linear_time(tmp_path: Path) -> None:
    crowd = [f"{'the same long sentence again and again ' * 4}{number:04d}" for number in range(2000)]
    pairs = found_in(crowd, tmp_path)
    assert len(pairs.first) < 150 * len(crowd)
    assert set(pairs.second.tolist()) | {0} == set(range(len(crowd)))


def test_leaders_meet_everybody_in_their_crowd(tmp_path: Path) -> None:
    crowd = [f"{'the same long sentence again and again ' * 4}{number:04d}" for number in range(500)]
    pairs = as_set(found_in(crowd, tmp_path))
    assert {b for a, b in pairs if a == 0} == set(range(1, 500))


@pytest.mark.parametrize("texts", [[], ["one"], ["", ""], ["ab", "ab"], ["\u4f60\u597d", "\u4f60\u597d"]])
def test_few_and_short_texts(tmp_path: Path, texts: list[str]) -> None:
    pairs = as_set(found_in(texts, tmp_path))
    assert pairs == {(a, b) for a, b in combinations(range(len(texts)), 2) if texts[a] == texts[b]}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=8))
def test_hashes_of_a_text_do_not_depend_on_its_neighbours(texts: list[str]) -> None:
    hashes, borders = shingle_hashes(texts)
    starts, ends = borders[:-1], borders[1:]
    assert ends[-1] == len(hashes)
    for number, text in enumerate(texts):
        alone, _ = shingle_hashes([text])
        assert (hashes[starts[number] : ends[number]] == alone).all()
        assert len(alone) == max(1, len(text) - SHINGLE + 1)
        assert len(set(alone.tolist())) == len(shingles_of(text))
    alone = band_keys(texts[-1:], 3, 2)
    assert (band_keys(texts, 3, 2)[:, -1:] == alone).all()


def test_repeated_pieces_change_no_key() -> None:
    once, twice = "abcdefgh" + "abcdefgh"[: SHINGLE - 1], "abcdefgh" * 3
    assert shingles_of(once) == shingles_of(twice)
    assert (band_keys([once], 9, 7) == band_keys([twice], 9, 7)).all()


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_banding_keeps_its_promise(similarity: float) -> None:
    bands, minima = banding(similarity, TextComparison.most_values)
    assert bands * minima <= 72
    assert (1 - similarity**minima) ** bands <= 0.005 + 1e-12
