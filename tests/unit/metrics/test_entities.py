"""Entities and their scores against seqeval, whose numbers are those of conlleval."""

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, Entities

from teacherspec.metrics.scores.entity_scores import (
    count_entities,
    f1_of,
    macro_f1_of,
    precision_of,
    recall_of,
)
from teacherspec.metrics.scores.entity_tags import (
    Scheme,
    entities,
    invalid,
    repaired,
    scheme_of,
    tag_names,
    tags_of,
    types_of,
)
from teacherspec.metrics.span_confidence import WordConfidence, score_spans

TYPES = ("PER", "LOC", "ORDER-ID")


def draws(scheme: Scheme, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Words of each row and tags of all of them, drawn at random: most sequences are not valid."""
    draw = np.random.default_rng(seed)
    words, names = draw.integers(1, 12, rows), tag_names(TYPES, scheme)
    likely = np.where(np.arange(len(names)) == 0, 3.0, 1.0)
    return words, draw.choice(len(names), words.sum(), p=likely / likely.sum()), names


def in_rows(words: np.ndarray, tags: np.ndarray, names: tuple[str, ...]) -> list[list[str]]:
    parts = np.split(tags, np.cumsum(words)[:-1])
    return [[names[tag] for tag in part] for part in parts]


def test_bio_is_read_as_seqeval_reads_it_by_default() -> None:
    words, tags, names = draws("bio", 500, seed=0)
    for row in in_rows(words, tags, names):
        found = [(one.type, one.first, one.end - 1) for one in entities(row, "bio")]
        assert found == get_entities(row), row


def test_bilou_is_read_as_seqeval_reads_it_strictly() -> None:
    words, tags, names = draws("bilou", 500, seed=1)
    some = 0
    for row in in_rows(words, tags, names):
        found = [(one.type, one.first, one.end) for one in entities(row, "bilou")]
        expected = [(one.tag, one.start, one.end) for one in Entities([row], BILOU).entities[0]]
        assert found == expected, row
        some += len(found)
    assert some > 100


@pytest.mark.parametrize("scheme", ["bio", "bilou"])
def test_precision_recall_and_f1_are_those_of_seqeval(scheme: Scheme) -> None:
    words, labels, names = draws(scheme, 200, seed=2)
    predicted = np.where(np.random.default_rng(3).random(len(labels)) < 0.8, labels, 0)
    counts = count_entities(words, labels, predicted, names)
    options = {"mode": "strict", "scheme": BILOU} if scheme == "bilou" else {}
    rows = in_rows(words, labels, names), in_rows(words, predicted, names)
    micro = counts.sum(axis=(0, 1))
    assert f1_of(micro) == pytest.approx(f1_score(*rows, **options))
    assert precision_of(micro) == pytest.approx(precision_score(*rows, **options))
    assert recall_of(micro) == pytest.approx(recall_score(*rows, **options))
    assert macro_f1_of(counts.sum(axis=0)) == pytest.approx(f1_score(*rows, average="macro", **options))
    by_type = dict(zip(types_of(names), f1_of(counts.sum(axis=0)), strict=True))
    found = f1_score(*rows, average=None, **options)
    assert [by_type[name] for name in sorted(by_type)] == pytest.approx(list(found))


@pytest.mark.parametrize("scheme", ["bio", "bilou"])
def test_tags_of_entities_spell_them_and_repaired_tags_are_valid(scheme: Scheme) -> None:
    words, tags, names = draws(scheme, 300, seed=4)
    changed = 0
    for row in in_rows(words, tags, names):
        right = repaired(row, scheme)
        assert not list(invalid(right, scheme))
        assert tags_of(entities(right, scheme), len(row), scheme) == right
        assert (right == row) == (not list(invalid(row, scheme)))
        changed += right != row
    assert changed > 50


def test_iob1_is_repaired_to_bio() -> None:
    assert repaired(["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER"], "bio") == [
        "B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-PER",
    ]  # fmt: skip


def test_what_is_invalid_is_named_where_it_begins() -> None:
    assert list(invalid(["O", "I-LOC", "B-PER", "I-PER"], "bio")) == [
        (1, "I-LOC after O: an entity begins with B-LOC")
    ]
    (problem,) = invalid(["B-PER", "I-PER", "O"], "bilou")
    assert problem[0] == 1
    assert "ends with L-PER" in problem[1]


@pytest.mark.parametrize("scheme", ["bio", "bilou"])
def test_scheme_and_types_follow_from_the_tags(scheme: Scheme) -> None:
    names = tag_names(TYPES, scheme)
    assert (scheme_of(names), types_of(names)) == (scheme, TYPES)


def test_confidence_of_a_span_is_the_product_over_its_words() -> None:
    names = tag_names(("A",), "bio")
    words, tags = np.array([3, 2]), np.array([1, 2, 0, 1, 0])
    predicted, probs = np.array([1, 2, 0, 1, 2]), np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    scored = score_spans(words, tags, WordConfidence(predicted, np.log(probs)), names)
    assert scored.cluster.tolist() == [0, 1]
    assert scored.confidences == pytest.approx([0.72, 0.3])
    assert scored.correct.tolist() == [1, 0]
    assert scored.nll == pytest.approx([-np.log(0.72), -np.log(0.7)])
