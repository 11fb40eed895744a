"""Which images an untrusted image processor is tried on, and that what it does with them is bounded."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from teacherspec.base.sandboxed_load import ProbeRows, load_in_sandbox
from teacherspec.errors import BaseModelError
from teacherspec.splits import open_split
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared import processor_probe
from teacherspec.tasks.shared.hf_loading import load_image_processor
from teacherspec.tasks.shared.processor_probe import extreme_shapes, probe_images
from tests.toys.image import toy_image_base, toy_image_prepared


def png(width: int, height: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height)).save(sink, "PNG")
    return sink.getvalue()


def test_an_image_may_become_only_so_many_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processor = load_image_processor(toy_image_base(tmp_path / "base", "resnet"))
    assert list(probe_images(processor, [png(8, 6)])) == ["image processor on an image of 8×6"]
    monkeypatch.setattr(processor_probe, "VALUES_LIMIT", 3 * 32 * 32 - 1)
    with pytest.raises(ValueError, match="makes 3×32×32 numbers of it"):
        list(probe_images(processor, [png(8, 6)]))


def test_the_extreme_shapes_are_tried() -> None:
    images = [png(*size) for size in ((8, 8), (300, 2), (2, 90), (64, 64), (9, 9), (64, 64), (1, 1))]
    assert set(extreme_shapes(images)) == {(300, 2), (2, 90), (64, 64), (1, 1)}
    assert extreme_shapes([]) == {}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"size": {"height": 20_000, "width": 20_000}}, "memory|numbers of it|takes longer"),
        ({"do_center_crop": True, "crop_size": {"height": 30_000, "width": 30_000}}, "memory|numbers of it"),
        ({"size": {"height": -4, "width": 4}}, "choose another base"),
        ({"resample": 77}, "choose another base"),
        ({"image_mean": [0.5] * 9}, "choose another base"),
    ],
)
def test_settings_of_a_processor_that_cannot_work_are_the_bases_fault(
    settings: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = toy_image_base(tmp_path / "base", "resnet")
    (tmp_path / "prepared").mkdir()
    prepared = toy_image_prepared(tmp_path / "prepared")
    for split in prepared.splits.values():
        open_split(split)
    path = base / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    tried = ProbeRows(ImageClassification(kind="image_classification"), prepared.splits)
    with pytest.raises(BaseModelError, match=says) as refused:
        load_in_sandbox(base, tried, memory_bytes=1 << 30)
    (problem,) = refused.value.problems
    assert "\n" not in problem
    assert str(base) in problem
