"""Students that look at images."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from teacherspec.probe.encoders import images
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json, write_parquet
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import ImageVit
from teacherspec.splits import load_prepared
from teacherspec.tasks.shared.image_decoding import encode_png
from tests.unit.probe.toy_teacher import toy_teacher

STUDENTS = [
    {"kind": "image_resnet", "side": 8, "stages": 1, "width": 8, "epochs": 4, "learning_rate": 0.01},
    {"kind": "image_vit", "side": 8, "patch": 4, "layers": 1, "heads": 2, "width": 16, "epochs": 4},
]


def png(label: int, noise: np.random.Generator) -> bytes:
    """A noisy picture in which one channel is bright."""
    from PIL import Image

    pixels = noise.integers(0, 120, (10, 10, 3))
    pixels[:, :, label] += 100
    return encode_png(Image.fromarray(pixels.astype(np.uint8)))


def with_images(sources: Sources) -> Sources:
    """The toy of texts, with a picture of the teacher's top label in place of each text."""
    import pyarrow.parquet as pq

    draw = np.random.default_rng(0)
    for split in sources.prepared.splits.values():
        table = pq.read_table(split.path)
        predictions = pq.read_table(sources.evaluated / f"predictions/{split.name}.parquet")
        best = [int(np.argmax(row)) for row in predictions["logits"].to_pylist()]
        pictures = pa.array([png(label, draw) for label in best], pa.binary())
        write_parquet(split.path, table.drop_columns(["text"]).append_column("image", pictures))
    return Sources(load_prepared(sources.artifacts / "prepare"), ["image"], sources.artifacts)


@pytest.mark.parametrize("student", STUDENTS, ids=lambda one: one["kind"])
def test_a_probe_runs_with_it(student: dict[str, object], tmp_path: Path) -> None:
    sources = with_images(toy_teacher(tmp_path))
    declared = {"students": [student], "temperatures": [1.0], "weights": [0.5], "seeds": 2, "budgets": [1.0]}
    section = Probe.model_validate_json(json.dumps(declared))
    list(run_probe(section, sources, tmp_path / "fit.json", tmp_path / "out", tmp_path / "report"))
    metrics = read_json(tmp_path / "report/metrics.json")
    assert metrics["test"]["taught"]["accuracy"] > 0.6, "the picture shows what the teacher sees"


def test_pixels_are_read_once_and_scaled_around_zero() -> None:
    draw = np.random.default_rng(1)
    student = ImageVit(kind="image_vit", side=8)
    rows = images.encode(student, [png(0, draw), png(1, draw)], {"other": [png(2, draw)]})
    batch = rows["other"].batch(np.array([0]))
    assert batch.shape == (1, 3, 8, 8)
    assert batch[0, 2].mean() > 0 > batch[0, 0].mean()
    assert batch.dtype == torch.float32
