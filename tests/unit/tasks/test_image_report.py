"""Processors that fit neither model nor batches are refused; sizes are reported correctly."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from teacherspec.errors import BaseModelError
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.hf_loading import load_image_processor
from teacherspec.tasks.shared.image_report import describe_images, size_report
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.image import LABELS, toy_image_base
from tests.toys.pictures import encoded, scene

TASK = ImageClassification(kind="image_classification")
BACKBONE = BaseSummary("ViTModel", 1, None, None, None, ())


def settings(base: Path, **values: object) -> Path:
    path = base / "preprocessor_config.json"
    write_json(path, {**read_json(path), **values})
    return base


def test_a_suiting_processor_passes(tmp_path: Path) -> None:
    TASK.check_base(toy_image_base(tmp_path / "base"), BACKBONE)


def test_inputs_of_many_shapes_are_refused(tmp_path: Path) -> None:
    base = settings(
        toy_image_base(tmp_path / "base", "resnet"), size={"shortest_edge": 32}, do_center_crop=False
    )
    write_json(
        base / "preprocessor_config.json",
        {**read_json(base / "preprocessor_config.json"), "image_processor_type": "BitImageProcessor"},
    )
    with pytest.raises(BaseModelError, match=r"stay different \(\d+×32 and 32×\d+ pixels\); give `size`"):
        TASK.check_base(base, BACKBONE)


def test_another_size_than_the_positions_is_refused(tmp_path: Path) -> None:
    base = settings(toy_image_base(tmp_path / "base", "vit"), size={"height": 48, "width": 48})
    with pytest.raises(BaseModelError, match=r"gives images of 48×48 pixels, config\.json says 32×32"):
        TASK.check_base(base, BACKBONE)


def test_a_network_without_positions_takes_any_size(tmp_path: Path) -> None:
    base = settings(toy_image_base(tmp_path / "base", "mobilenet"), size={"height": 48, "width": 48})
    TASK.check_base(base, BACKBONE)


def test_patches_without_positions_take_any_size(tmp_path: Path) -> None:
    """ConvNeXt declares patches and 224 pixels, and is a convolutional network all the same."""
    base = toy_image_base(tmp_path / "base", "convnext")
    assert read_json(base / "config.json")["image_size"] == 224
    TASK.check_base(base, BACKBONE)


def test_no_processor_is_refused(tmp_path: Path) -> None:
    base = toy_image_base(tmp_path / "base")
    (base / "preprocessor_config.json").unlink()
    with pytest.raises(BaseModelError, match="the image processor does not load"):
        load_image_processor(base)


def test_pooling_is_for_texts(tmp_path: Path) -> None:
    base = toy_image_base(tmp_path / "base")
    with pytest.raises(BaseModelError, match=r"base\.pooling: is for encoders of text"):
        TASK.load_base(base, LABELS, ModelInit(pooling="mean"))


def test_a_base_of_timm_says_what_it_needs(tmp_path: Path) -> None:
    base = toy_image_base(tmp_path / "base")
    write_json(base / "config.json", {"model_type": "timm_wrapper", "architecture": "resnet18"})
    if find_spec("timm"):
        pytest.skip("timm is installed here")
    with pytest.raises(
        BaseModelError, match=r"needs a further library: .*timm.*run `pip install 'teacherspec\[timm\]'"
    ):
        TASK.load_base(base, LABELS, ModelInit(init="config"))


def test_sizes_by_hand() -> None:
    contents = [encoded(scene(i, *size)) for i, size in enumerate([(20, 30), (40, 50), (400, 300)])]
    report = size_report(contents, 32)
    assert report == {
        "examples": 3,
        "shorter_side": {"smallest": 20, "median": 40, "largest": 300},
        "enlarged_share": pytest.approx(1 / 3),
        "much_larger_share": pytest.approx(1 / 3),
    }
    seen = {"width": 32, "height": 32, "rescale_factor": 1 / 255, "image_mean": [0.5], "image_std": [0.5]}
    text = "\n".join(describe_images({"input": seen, "data": {"train": {**report, "enlarged_share": 0.9}}}))
    assert "| train | 3 | 20 | 40 | 300 | 90.00% |" in text
    assert "Most images of train are smaller" in text
