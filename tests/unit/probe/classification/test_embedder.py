"""Students of images that learn a teacher's embeddings."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from teacherspec.errors import DataError
from teacherspec.metric_names.probe import probe_names
from teacherspec.predictions.class_embeddings import (
    ClassSpace,
    load_embeddings,
    save_class_space,
    save_embeddings,
)
from teacherspec.predictions.classification import load_predictions
from teacherspec.probe.arms import Arm
from teacherspec.probe.classification.embedder import EmbedderArms, EmbeddingLoss
from teacherspec.probe.classification.rows import Embedded
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from tests.pipeline.test_metric_names import numbers
from tests.unit.probe.encoders.test_images import with_images
from tests.unit.probe.toy_teacher import CLASSES, ROLES, toy_teacher

WIDTH = 6
STUDENT = {
    "kind": "image_embedder", "image": {"kind": "image_resnet", "side": 8, "stages": 1, "width": 8},
    "width": 3, "epochs": 4, "learning_rate": 0.01,
}  # fmt: skip


def embedded_teacher(folder: Path) -> Sources:
    """The toy of pictures with embeddings near the vector of the top class."""
    sources = with_images(toy_teacher(folder))
    classes = np.eye(WIDTH, dtype=np.float32)[:CLASSES]
    draw = np.random.default_rng(1)
    for name in ROLES:
        found = load_predictions(sources.evaluated, name)
        near = classes[found.logits.argmax(1)] + draw.normal(scale=0.2, size=(len(found.ids), WIDTH))
        unit = near / np.linalg.norm(near, axis=1, keepdims=True)
        save_embeddings(sources.evaluated, name, found.ids, unit.astype(np.float32))
    save_class_space(sources.evaluated, ClassSpace(classes, 20.0))
    return sources


def probe(sources: Sources, folder: Path, **student: Any) -> dict[str, Any]:
    declared = {"temperatures": [1.0], "weights": [0.5], "seeds": 2, "budgets": [1.0]}
    section = Probe.model_validate_json(json.dumps({**declared, "students": [{**STUDENT, **student}]}))
    list(run_probe(section, sources, folder / "fit.json", folder / "out", folder / "report"))
    return read_json(folder / "report/metrics.json")


@pytest.mark.slow
def test_a_student_that_sees_no_label_learns_to_classify_from_embeddings(tmp_path: Path) -> None:
    found = probe(embedded_teacher(tmp_path), tmp_path)
    names = probe_names("classification", ROLES, 1, 1)
    assert names.always < numbers(found, "probe") == names.all
    lines = [line.split("\t") for line in (tmp_path / "report/arms.tsv").read_text().splitlines()]
    score = {line[3]: float(line[6]) for line in lines if line[2] == "test"}
    assert score["embeddings"] > 0.6
    assert score["shuffled 0.5, embeddings"] < score["mix 0.5, embeddings"]


def test_the_distance_is_the_plain_one_and_the_control_has_that_of_other_rows() -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(9, WIDTH)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    own = Embedded(rows, ClassSpace(rows[:4], 5.0))
    arms = [
        Arm("hard", "none", 1.0, 0.0),
        Arm("embeddings", "embeddings", 1.0, 1.0),
        Arm("shuffled", "shuffled_embeddings", 1.0, 0.5),
    ]
    loss = EmbeddingLoss(arms, own, WIDTH, seed=0)
    np.testing.assert_allclose(loss.targets[0] @ loss.targets[0].T, rows @ rows.T, atol=1e-5)
    assert sorted(loss.targets[1].tolist()) == sorted(loss.targets[0].tolist())
    student = torch.randn(3, 2, WIDTH, generator=torch.Generator().manual_seed(0))
    batch = np.array([5, 2])
    expected = sum(
        weight * ((student[place] - loss.targets[at][batch]) ** 2).sum(1).mean()
        for place, at, weight in ((1, 0, 1.0), (2, 1, 0.5))
    )
    torch.testing.assert_close(loss(student, batch), expected)


def test_logits_are_cosines_times_the_factor() -> None:
    classes = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    students = EmbedderArms(torch.nn.Identity(), classes, torch.tensor([0.0, 1.0]))
    batch = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = students(batch)
    cosines = torch.nn.functional.cosine_similarity(batch[1, :, None], classes[1][None], dim=2)
    torch.testing.assert_close(found[1], torch.tensor(1.0).exp() * cosines)


def test_embeddings_that_are_not_stored_or_broken_and_a_wide_student_are_refused(tmp_path: Path) -> None:
    sources = embedded_teacher(tmp_path)
    with pytest.raises(DataError, match=r"probe.students.0.width: 7 is more .* declare 6 at most"):
        probe(sources, tmp_path, width=7)
    ids, values = load_embeddings(sources.evaluated, "train")
    values = values.copy()
    values[1, 0] = np.inf
    save_embeddings(sources.evaluated, "train", ids, values)
    with pytest.raises(DataError, match="embeddings for row train-1 of split train are not finite"):
        probe(sources, tmp_path)
    save_embeddings(sources.evaluated, "train", ids[1:], values[1:])
    with pytest.raises(DataError, match="no embedding of row train-0"):
        probe(sources, tmp_path)
    (sources.evaluated / "embeddings/train.parquet").unlink()
    with pytest.raises(DataError, match=r"declare evaluate\.embeddings: true"):
        probe(sources, tmp_path)
