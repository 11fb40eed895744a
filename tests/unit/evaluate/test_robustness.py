"""What perturbations do to the answers, on a real small model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from teacherspec.errors import DeclarationError
from teacherspec.evaluate.perturbations import perturbations_of
from teacherspec.evaluate.robustness import (
    COLUMNS,
    chosen_perturbations,
    generator,
    measure_robustness,
    predict_perturbed,
)
from teacherspec.inference.classification import predict
from teacherspec.predictions.classification import Predictions
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_rows

TASK = TextClassification(kind="text_classification", max_length=16)


def identity(row: Mapping[str, Any], draw: np.random.Generator) -> dict[str, Any]:
    return dict(row)


def drowned(row: Mapping[str, Any], draw: np.random.Generator) -> dict[str, Any]:
    """Every row says the same."""
    return {**row, "text": "flood soak river"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    model, processor = TASK.load_base(toy_base(tmp_path_factory.mktemp("base")), LABELS, ModelInit())
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data *= 10
    return model, processor


@pytest.fixture
def rows() -> Dataset:
    texts, labels = toy_rows(30, seed=1)
    return Dataset.from_dict({"id": [f"r{i:02d}" for i in range(30)], "text": texts, "label": labels})


def perturbed(loaded: tuple[Any, Any], rows: Dataset, seed: int = 0, **perturbations: Any) -> Any:
    plain = predict(TASK, *loaded, rows, 8)
    return plain, predict_perturbed(TASK, *loaded, rows, plain, perturbations, batch_size=8, seed=seed)


def test_the_identity_changes_exactly_nothing(loaded: tuple[Any, Any], rows: Dataset) -> None:
    plain, found = perturbed(loaded, rows, identity=identity)
    predictions, changed = found["identity"]
    assert changed == 0
    np.testing.assert_array_equal(predictions.logits, plain.logits)
    assert measure_robustness(plain, found, confidence=0.95) == [], "nothing was measured"


def test_the_flip_rate_is_that_of_the_rows_that_were_changed(loaded: tuple[Any, Any], rows: Dataset) -> None:
    plain, found = perturbed(loaded, rows, drowned=drowned)
    few = {"few": (found["drowned"][0], 4)}
    every, some = (measure_robustness(plain, part, confidence=0.95)[0] for part in (found, few))
    flips = round(every.flip_rate.value * 30)
    assert some.flip_rate.value == pytest.approx(min(1.0, flips / 4)) or flips > 4
    assert some.accuracy == every.accuracy


def test_the_same_text_gets_the_same_answer(loaded: tuple[Any, Any], rows: Dataset) -> None:
    plain, found = perturbed(loaded, rows, drowned=drowned)
    predictions, changed = found["drowned"]
    assert changed == 30
    assert np.ptp(predictions.logits, axis=0).max() < 1e-3
    assert list(predictions.ids) == list(plain.ids)


def test_a_row_changes_alike_wherever_it_stands(loaded: tuple[Any, Any], rows: Dataset) -> None:
    order = np.random.default_rng(0).permutation(30)
    known = perturbations_of(TASK.row_schema())
    _, straight = perturbed(loaded, rows, **known)
    _, shuffled = perturbed(loaded, rows.select(order), **known)
    _, typos_alone = perturbed(loaded, rows, typos=known["typos"])
    _, reseeded = perturbed(loaded, rows, seed=1, **known)
    for name, (predictions, _) in straight.items():
        np.testing.assert_allclose(shuffled[name][0].logits, predictions.logits[order], atol=1e-3)
    np.testing.assert_array_equal(typos_alone["typos"][0].logits, straight["typos"][0].logits)
    assert np.abs(reseeded["typos"][0].logits - straight["typos"][0].logits).max() > 0.1


def answers(labels: list[int], predicted: list[int]) -> Predictions:
    ids = [f"r{i}" for i in range(len(labels))]
    return Predictions(ids, np.int32(labels), np.eye(3, dtype=np.float32)[predicted])


def test_counts_by_hand() -> None:
    labels = [0, 0, 0, 1, 1, 2, 2, 2]
    plain = answers(labels, [0, 0, 1, 1, 1, 2, 0, 0])
    after = answers(labels, [1, 2, 2, 1, 0, 2, 2, 1])
    (found,) = measure_robustness(plain, {"storm": (after, 6)}, confidence=0.95)
    assert found.accuracy.value == 3 / 8
    assert found.flip_rate.value == 6 / 6, "of the rows that were changed"
    assert (found.right_to_wrong, found.wrong_to_right) == (3, 1)
    assert found.p_value == pytest.approx(2 * (1 + 4) / 16), (
        "exact McNemar: a fair coin over 4 discordant rows"
    )
    line = dict(zip(COLUMNS, found.row(), strict=True))
    assert (line["perturbation"], line["rows"], line["changed"]) == ("storm", 8, 6)


def test_several_are_adjusted_together() -> None:
    labels = [0] * 20
    plain, after = answers(labels, [0] * 20), answers(labels, [1] * 8 + [0] * 12)
    alone = measure_robustness(plain, {"a": (after, 20)}, confidence=0.95)
    three = measure_robustness(plain, {"a": (after, 20), "b": (plain, 20), "c": (plain, 20)}, confidence=0.95)
    assert three[0].p_value == alone[0].p_value
    assert three[0].q_value == pytest.approx(3 * alone[0].q_value)
    assert measure_robustness(plain, {}, confidence=0.95) == []


def test_names_are_chosen_or_refused() -> None:
    known = perturbations_of(TASK.row_schema())
    assert list(chosen_perturbations(known, None)) == ["case", "punctuation", "typos"]
    assert list(chosen_perturbations(known, ["typos"])) == ["typos"]
    assert chosen_perturbations(known, []) == {}
    with pytest.raises(DeclarationError) as refusal:
        chosen_perturbations(known, ["typos", "rain", "hail"])
    assert len(refusal.value.problems) == 2
    assert (
        "rain does not apply to the rows of this task (allowed: case, punctuation, typos)"
        in refusal.value.problems[0]
    )


def test_generators_are_of_the_row() -> None:
    first = generator(0, "typos", "a").integers(1 << 60)
    assert first == generator(0, "typos", "a").integers(1 << 60)
    others = [generator(0, "typos", "b"), generator(0, "case", "a"), generator(1, "typos", "a")]
    assert first not in [other.integers(1 << 60) for other in others]
