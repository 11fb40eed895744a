"""Outputs of a split in shards: bounded, the same wherever the work is cut, and never computed twice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from transformers import set_seed

from teacherspec.inference import row_outputs
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_rows

ROWS, SHARD = 40, 16


class Counted(TextClassification):
    """The task, which notes how many rows it encoded together, and fails after some times."""

    seen: list[int]
    fails_after: int = 99

    def encode(self, tokenizer: Any, rows: Dataset) -> Dataset:
        if len(self.seen) == self.fails_after:
            raise KeyboardInterrupt
        self.seen.append(len(rows))
        return super().encode(tokenizer, rows)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    set_seed(0)
    return counted().load_base(toy_base(tmp_path_factory.mktemp("base")), LABELS, ModelInit())


@pytest.fixture
def rows() -> Dataset:
    texts, labels = toy_rows(ROWS, seed=1)
    return Dataset.from_dict({"id": list(map(str, range(ROWS))), "text": texts, "label": labels})


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_outputs, "ROWS_PER_SHARD", SHARD)


def counted(fails_after: int = 99) -> Counted:
    return Counted(kind="text_classification", max_length=16, seen=[], fails_after=fails_after)


def outputs(task: Counted, loaded: tuple[Any, Any], rows: Dataset, folder: Path | None = None) -> Any:
    return row_outputs.row_outputs(task, task.logits, *loaded, rows, 8, folder)


def test_a_shard_is_encoded_at_once_and_no_more(loaded: tuple[Any, Any], rows: Dataset) -> None:
    task = counted()
    found = outputs(task, loaded, rows)
    assert task.seen == [SHARD, SHARD, ROWS - 2 * SHARD]
    alone = np.concatenate([outputs(counted(), loaded, rows.select([at])) for at in range(ROWS)])
    np.testing.assert_allclose(found, alone, atol=1e-4)
    assert np.ptp(found, axis=0).min() > 1e-3, "rows differ, so a mix-up would show"


def test_what_was_finished_is_not_computed_again(
    loaded: tuple[Any, Any], rows: Dataset, tmp_path: Path
) -> None:
    whole = outputs(counted(), loaded, rows)
    with pytest.raises(KeyboardInterrupt):
        outputs(counted(fails_after=2), loaded, rows, tmp_path)
    resumed = counted()
    np.testing.assert_array_equal(outputs(resumed, loaded, rows, tmp_path), whole)
    assert resumed.seen == [ROWS - 2 * SHARD]
    complete = counted()
    np.testing.assert_array_equal(outputs(complete, loaded, rows, tmp_path), whole)
    assert complete.seen == []
