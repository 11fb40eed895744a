"""Pairs of texts as one input: truncation of the declared text, both orders, features of each text alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from pydantic import ValidationError

from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.shared.text_pair_task import PairsInEitherOrder, separated, swaps
from teacherspec.tasks.text_pair_classification.task import TextPairClassification
from tests.toys.text_pairs import pair_base, pair_tokenizer

ROWS = Dataset.from_dict(
    {
        "id": [f"row-{number}" for number in range(40)],
        "question": ["the ice", "is snow very here"] * 20,
        "passage": ["frost again here now", "it is rain"] * 20,
        "label": [0, 1] * 20,
    }
)


def task(**given: Any) -> TextPairClassification:
    fields = {"kind": "text_pair_classification", "texts": ("question", "passage"), "max_length": 16}
    return TextPairClassification(**(fields | given))


@pytest.mark.parametrize(
    ("texts", "message"),
    [(("text", "text"), "both columns are called text"), (("label", "id"), "id and label names no text")],
)
def test_columns_that_cannot_be_told_apart_are_refused(texts: tuple[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        task(texts=texts)


def words(ids: list[int]) -> str:
    return str(pair_tokenizer().decode(ids))


def test_the_second_text_has_its_own_segment() -> None:
    encoded = task().encode(pair_tokenizer(), ROWS)[0]
    assert words(encoded["input_ids"]).startswith("[CLS] the ice [SEP] frost again")
    assert encoded["token_type_ids"] == [0] * 4 + [1] * 5
    assert encoded["labels"] == 0
    assert encoded["length"] == 9


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [
        ("only_first", "[CLS] the ice [SEP] rain rain rain [SEP]"),
        ("only_second", "[CLS] the ice snow frost [SEP] rain [SEP]"),
        ("longest_first", "[CLS] the ice snow [SEP] rain rain [SEP]"),
    ],
)
def test_the_declared_text_is_cut(truncation: str, expected: str) -> None:
    declared = task(truncation=truncation, max_length=8)
    row = {"question": "the ice snow frost", "passage": "rain rain rain"}
    (ids,) = declared.batch(pair_tokenizer(), [row])["input_ids"].tolist()
    assert words(ids) == expected


def test_a_text_that_leaves_no_token_to_the_other_is_named_and_its_row_does_not_change_others(
    tmp_path: Path,
) -> None:
    declared = task(truncation="only_second", max_length=8)
    long = {"question": "the ice snow frost it is now", "passage": "rain"}
    short = {"question": "ice", "passage": "rain again"}
    tokenizer = pair_tokenizer()
    together, alone = (declared.batch(tokenizer, rows)["input_ids"] for rows in ([short, long], [short]))
    assert together.shape[1] == 8
    assert together[0, : alone.shape[1]].tolist() == alone[0].tolist()
    rows = Dataset.from_list([short, long])
    ((place, message),) = declared.refused_rows(pair_base(tmp_path), rows)
    assert place == 1
    assert "question: has 7 tokens, and passage alone is cut (allowed: 4" in message
    assert not list(task(max_length=8).refused_rows(tmp_path, rows))


def test_each_text_alone_is_what_the_tokenizer_makes_of_it() -> None:
    tokenizer, rows = pair_tokenizer(), list(ROWS.select(range(2)))
    parts = separated(task().batch(tokenizer, rows))
    for part, name in zip(parts, ("question", "passage"), strict=True):
        alone = tokenizer([row[name] for row in rows], padding=True, return_tensors="pt")
        real = part["attention_mask"].bool()
        if name == "question":
            assert torch.equal(part["input_ids"][real], alone["input_ids"][alone["attention_mask"].bool()])
        for ids, expected in zip(part["input_ids"].tolist(), rows, strict=True):
            assert expected[name] in words(ids)


def test_features_are_those_of_both_texts_and_their_interaction(tmp_path: Path) -> None:
    declared = task()
    model, tokenizer = declared.load_base(pair_base(tmp_path), ("no", "yes"), ModelInit())
    rows = list(ROWS.select(range(4)))
    with torch.inference_mode():
        features = declared.features(model, declared.batch(tokenizer, rows))
    u, v, difference, product = features.chunk(4, dim=1)
    torch.testing.assert_close(difference, (u - v).abs())
    torch.testing.assert_close(product, u * v)
    same = [{"question": row["question"], "passage": "other words here"} for row in rows]
    with torch.inference_mode():
        again = declared.features(model, declared.batch(tokenizer, same))
    torch.testing.assert_close(again.chunk(4, dim=1)[0], u)  # the first text does not see the second


def test_seed_epoch_and_row_decide_the_order_as_often_as_not() -> None:
    """Each of the three alone changes about half of the draws; the same three give the same draw."""
    ids = [f"r{row}" for row in range(2_000)]
    drawn = np.array([swaps(0, 0, name) for name in ids])
    others = {
        "seed": [swaps(1, 0, name) for name in ids],
        "epoch": [swaps(0, 1, name) for name in ids],
        "row": [swaps(0, 0, f"{name}x") for name in ids],
    }
    assert 0.45 < drawn.mean() < 0.55
    assert all(0.45 < (drawn != np.array(other)).mean() < 0.55 for other in others.values())
    assert [swaps(0, 0, name) for name in ids] == drawn.tolist()


def test_the_order_is_drawn_for_each_row_and_epoch() -> None:
    tokenizer, declared = pair_tokenizer(), task(symmetric=True)
    encoded = declared.encode_training(tokenizer, ROWS, ("no", "yes"), None, seed=3)
    assert isinstance(encoded, PairsInEitherOrder)
    given = declared.encode(tokenizer, ROWS)

    def swapped() -> list[bool]:
        return [encoded[place]["input_ids"] != given[place]["input_ids"] for place in range(len(encoded))]

    first = swapped()
    assert 8 < sum(first) < 32
    encoded.set_epoch(1)
    assert swapped() != first
    encoded.set_epoch(0)
    assert swapped() == first
    ordered = task().encode_training(tokenizer, ROWS, ("no", "yes"), None, seed=3)
    assert ordered[:]["input_ids"] == given[:]["input_ids"]
