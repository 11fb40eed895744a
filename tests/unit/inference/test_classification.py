"""The model over a split: every row keeps its logits, whatever the order of computation."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import set_seed

from teacherspec.errors import DataError, UserError
from teacherspec.inference.classification import predict
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_rows

TASK = TextClassification(kind="text_classification", max_length=16)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    set_seed(0)
    model, processor = TASK.load_base(toy_base(tmp_path_factory.mktemp("base")), LABELS, ModelInit())
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data *= 10  # as drawn, a random BERT says nearly the same of every row
    return model, processor


@pytest.fixture
def rows() -> Dataset:
    texts, labels = toy_rows(40, seed=1)
    return Dataset.from_dict({"id": [f"r{i:02d}" for i in range(40)], "text": texts, "label": labels})


def test_every_row_gets_the_logits_it_has_alone(loaded: tuple[Any, Any], rows: Dataset) -> None:
    model, processor = loaded
    found = predict(TASK, model, processor, rows, 16)
    assert list(found.ids) == rows["id"][:]
    assert found.labels.tolist() == rows["label"][:]
    assert found.logits.dtype == np.float32
    for i in range(len(rows)):
        with torch.inference_mode():
            alone = model(**TASK.batch(processor, [rows[i]])).logits[0].numpy()
        np.testing.assert_allclose(found.logits[i], alone, atol=1e-3)
    assert np.ptp(found.logits, axis=0).min() > 0.1, "rows differ, so a mix-up would show"


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
def test_batches_do_not_matter(loaded: tuple[Any, Any], rows: Dataset, batch_size: int) -> None:
    whole = predict(TASK, *loaded, rows, 16)
    other = predict(TASK, *loaded, rows, batch_size)
    np.testing.assert_allclose(other.logits, whole.logits, atol=1e-3)
    np.testing.assert_array_equal(predict(TASK, *loaded, rows, 16).logits, whole.logits)


def test_the_order_of_rows_is_kept(loaded: tuple[Any, Any], rows: Dataset) -> None:
    order = np.random.default_rng(0).permutation(len(rows))
    straight = predict(TASK, *loaded, rows, 16)
    shuffled = predict(TASK, *loaded, rows.select(order), 16)
    assert list(shuffled.ids) == [straight.ids[i] for i in order]
    np.testing.assert_allclose(shuffled.logits, straight.logits[order], atol=1e-3)


def test_a_broken_logit_is_refused_by_row(loaded: tuple[Any, Any], rows: Dataset) -> None:
    model, processor = loaded

    class BreaksOnFire(torch.nn.Module):
        """The model, but with NaN wherever the word `fire` occurs."""

        device = torch.device("cpu")

        def forward(self, **inputs: torch.Tensor) -> Any:
            outputs = model(**inputs)
            fire = processor.convert_tokens_to_ids("fire")
            outputs.logits[(inputs["input_ids"] == fire).any(1)] = math.nan
            return outputs

    broken = [i for i, text in enumerate(rows["text"][:]) if "fire" in text]
    assert broken, "the toy rows must hold the word"
    with pytest.raises(UserError, match=rf"row r{broken[0]:02d} are not finite \({len(broken)} such rows"):
        predict(TASK, BreaksOnFire(), processor, rows, 16)


def test_no_rows_are_refused(loaded: tuple[Any, Any], rows: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without rows"):
        predict(TASK, *loaded, rows.select([]), 16)
