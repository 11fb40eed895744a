"""Described labels of images: pixels and computed features alike carry the targets of their rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from teacherspec.finetune.inputs import load_inputs
from teacherspec.finetune.losses import objective
from teacherspec.splits import Split
from teacherspec.tasks.image_classification.task import ImageClassification
from tests.toys.image import toy_image_base, toy_image_prepared
from tests.toys.text import described
from tests.unit.finetune import test_train


@pytest.mark.parametrize("freeze", [None, "backbone"])
def test_images_have_votes_and_weights(tmp_path: Path, freeze: Any) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "described").mkdir()
    plain = toy_image_prepared(tmp_path / "plain", train=12, other=6)
    classes = len(plain.label_names)

    def columns(split: Split) -> dict[str, pa.Array]:
        votes = [[float(1 + (at + k) % classes) for k in range(classes)] for at in range(split.rows)]
        weights = [float(1 + at % 3) for at in range(split.rows)]
        return {
            "label_votes": pa.array(votes, pa.list_(pa.float64(), classes)),
            "weight": pa.array(weights, pa.float64()),
        }

    prepared = described(plain, tmp_path / "described", columns)
    task = ImageClassification(
        kind="image_classification", label_columns=("label_votes", "weight"), label_names=plain.label_names
    )
    base = toy_image_base(tmp_path / "base")
    declared = test_train.training(base, prepared, method={"kind": "full", "freeze": freeze})
    inputs = load_inputs(replace(declared, task=task))
    batch = dict(task.collate(inputs.processor)([inputs.train[at] for at in range(12)]))
    labels = batch.pop("labels")
    with torch.no_grad():
        outputs = task.outputs(inputs.model.eval(), batch)
    found = objective(declared.section.loss, task.loss_terms, None)(outputs, labels, labels.numel())
    stored = pq.read_table(prepared.splits["train"].path)
    votes, weights = (
        torch.tensor(stored["label_votes"].to_pylist()),
        torch.tensor(stored["weight"].to_pylist()),
    )
    losses = torch.nn.functional.cross_entropy(
        outputs["logits"], votes / votes.sum(1, keepdim=True), reduction="none"
    )
    assert found.item() == pytest.approx(((losses * weights).sum() / weights.sum()).item(), rel=1e-5)
    assert found.item() != pytest.approx(losses.mean().item(), rel=1e-5), "weights must matter"
