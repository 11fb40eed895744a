"""Weights in training: a row of weight 2 is two rows, one of weight 0 is none, and units do not matter."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from teacherspec.finetune.inputs import load_inputs
from teacherspec.finetune.losses import balanced_weights, objective
from teacherspec.finetune.train import finetune
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Split
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import described
from tests.unit.finetune import test_train

TASK = TextClassification(kind="text_classification", max_length=16, label_columns=("weight",))
LOSSES = (
    {"kind": "cross_entropy"},
    {"kind": "cross_entropy", "label_smoothing": 0.1},
    {"kind": "focal", "gamma": 2.0},
)
Weigh = Callable[[int], list[float]]


def weighted(prepared: Prepared, folder: Path, weigh: Weigh) -> Prepared:
    """The rows of every split with weights that their number decides."""
    folder.mkdir()

    def columns(split: Split) -> Mapping[str, pa.Array]:
        return {"weight": pa.array(weigh(split.rows), pa.float64())}

    return described(prepared, folder, columns)


def taken(prepared: Prepared, folder: Path, places: Callable[[int], list[int]]) -> Prepared:
    """The same with some rows of `train` only, or with some twice."""
    train = prepared.splits["train"]
    table = pq.read_table(train.path)
    folder.mkdir()
    path = folder / "train.parquet"
    write_parquet(path, table.take(places(len(table))))
    rows = len(places(len(table)))
    changed = replace(train, rows=rows, sha256=sha256_file(path), path=path)
    return replace(prepared, splits={**prepared.splits, "train": changed})


def training(base: Path, prepared: Prepared, **values: Any) -> Any:
    return replace(test_train.training(base, prepared, **values), task=TASK)


def trained(base: Path, prepared: Prepared, name: str, **values: Any) -> dict[str, str]:
    finetune(training(base, prepared, **values), Path("runs", name), Path(name))
    return test_train.digest(Path(name))


def gradient(base: Path, prepared: Prepared, task: TextClassification, **values: Any) -> torch.Tensor:
    """Of the loss of one step over all train rows, as one vector."""
    inputs = load_inputs(replace(test_train.training(base, prepared, **values), task=task))
    model = inputs.model.eval()
    batch = dict(task.collate(inputs.processor)([inputs.train[at] for at in range(len(inputs.train))]))
    labels = batch.pop("labels")
    section = test_train.declare(**values)
    weights = None
    if section.class_weights == "balanced":
        weights = balanced_weights(inputs.train_labels, inputs.n_classes)
    assert section.loss.kind != "contrastive"
    loss = objective(section.loss, task.loss_terms, weights)(model(**batch), labels, labels.numel())
    loss.backward()
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


def alternately(*weights: float) -> Weigh:
    return lambda rows: [weights[at % len(weights)] for at in range(rows)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_weight_two_is_the_row_twice(
    base: Path, prepared: Prepared, tmp_path: Path, loss: Mapping[str, Any], class_weights: str
) -> None:
    values = {"loss": loss, "class_weights": class_weights}
    twice = taken(prepared, tmp_path / "b", lambda rows: [*range(rows), *range(0, rows, 2)])
    found = gradient(base, weighted(prepared, tmp_path / "a", alternately(2, 1)), TASK, **values)
    expected = gradient(base, twice, test_train.TASK, **values)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    once = gradient(base, prepared, test_train.TASK, **values)
    assert (once - expected).abs().max() > 1e-3, "weights must matter"


def test_weights_of_one_are_no_weights(base: Path, prepared: Prepared, tmp_path: Path) -> None:
    found = gradient(base, weighted(prepared, tmp_path / "a", alternately(1)), TASK)
    torch.testing.assert_close(found, gradient(base, prepared, test_train.TASK), rtol=1e-5, atol=1e-7)


def test_weight_zero_is_no_row_and_units_do_not_matter(
    base: Path, prepared: Prepared, tmp_path: Path
) -> None:
    values = {"linear_probe_first": True, "epochs": 1}
    every = weighted(prepared, tmp_path / "a", alternately(0, 1, 3))
    some = taken(every, tmp_path / "b", lambda rows: [at for at in range(rows) if at % 3])
    expected = trained(base, some, "some", **values)
    assert (
        trained(base, weighted(prepared, tmp_path / "c", alternately(0, 4, 12)), "other", **values)
        == expected
    )


def test_class_weights_count_rows_as_scikit_learn_does() -> None:
    labels, weights = np.array([0, 0, 1, 2, 2, 2]), np.array([0.5, 2.0, 3.0, 1.0, 1.0, 0.25])
    targets = torch.tensor(np.column_stack([np.eye(3)[labels], weights]))
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels, sample_weight=weights)
    np.testing.assert_allclose(balanced_weights(targets, 3).numpy(), expected, rtol=1e-6)


NAMES = ("cold", "hot", "wet")
VOTED = TextClassification(
    kind="text_classification", max_length=16, label_columns=("label_votes",), label_names=NAMES
)


def voted(prepared: Prepared, folder: Path, vote: Callable[[int, int], list[float]]) -> Prepared:
    """The rows of every split with the votes that `vote(number, label)` gives."""
    folder.mkdir()

    def columns(split: Split) -> Mapping[str, pa.Array]:
        labels = pq.read_table(split.path)["label"].to_pylist()
        votes = [vote(at, label) if label >= 0 else None for at, label in enumerate(labels)]
        return {"label_votes": pa.array(votes, pa.list_(pa.float64(), len(NAMES)))}

    return described(prepared, folder, columns)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_votes_that_agree_are_the_label(
    base: Path, prepared: Prepared, tmp_path: Path, loss: Mapping[str, Any], class_weights: str
) -> None:
    values = {"loss": loss, "class_weights": class_weights}
    agreed = voted(prepared, tmp_path / "a", lambda at, label: (np.eye(3)[label] * (1 + at % 4)).tolist())
    found = gradient(base, agreed, VOTED, **values)
    expected = gradient(base, prepared, test_train.TASK, **values)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_the_loss_of_votes_is_torchs_cross_entropy_of_their_shares(
    base: Path, prepared: Prepared, tmp_path: Path
) -> None:
    divided = voted(
        prepared, tmp_path / "a", lambda at, label: (np.eye(3)[label] * 3 + np.eye(3)[at % 3]).tolist()
    )
    inputs = load_inputs(replace(test_train.training(base, divided), task=VOTED))
    batch = dict(VOTED.collate(inputs.processor)([inputs.train[at] for at in range(len(inputs.train))]))
    labels = batch.pop("labels")
    outputs = inputs.model.eval()(**batch)
    found = objective(test_train.declare().loss, VOTED.loss_terms, None)(outputs, labels, labels.numel())
    votes = pq.read_table(divided.splits["train"].path)["label_votes"].to_pylist()
    expected = torch.nn.functional.cross_entropy(outputs.logits, torch.tensor(votes) / 4)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    certain = torch.nn.functional.cross_entropy(outputs.logits, torch.tensor(votes).argmax(1))
    assert certain.item() != pytest.approx(expected.item(), rel=1e-3), "votes must matter"
