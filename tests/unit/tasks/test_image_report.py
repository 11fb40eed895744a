"""Processors that fit neither model nor batches are refused; sizes are reported correctly."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from teacherspec.errors import BaseModelError
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.hf_loading import load_image_processor
from teacherspec.tasks.shared.image_dataset import pixel_values, trimmed
from teacherspec.tasks.shared.image_report import describe_images, normalisation, size_report
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


@pytest.mark.parametrize("family", ["clip", "siglip", "deit", "grey"])
def test_so_it_is_by_every_model_that_keeps_its_positions(tmp_path: Path, family: str) -> None:
    base = settings(toy_image_base(tmp_path / "base", family), size={"height": 48, "width": 48})
    with pytest.raises(
        BaseModelError, match=r"48×48 pixels, config\.json says 32×32, and the model takes no"
    ):
        TASK.check_base(base, BACKBONE)


@pytest.mark.parametrize("family", ["mobilenet", "resnet", "dinov2", "beit", "poolformer", "hgnet"])
def test_models_that_interpolate_or_have_no_positions_take_any_size(tmp_path: Path, family: str) -> None:
    base = settings(toy_image_base(tmp_path / "base", family), size={"height": 48, "width": 48})
    TASK.check_base(base, BACKBONE)


def test_patches_instead_of_an_image_are_refused_by_name(tmp_path: Path) -> None:
    base = settings(
        toy_image_base(tmp_path / "base"), image_processor_type="Siglip2ImageProcessor", patch_size=8
    )
    with pytest.raises(BaseModelError, match=r"shape \[1, \d+, 192\], as NaFlex does"):
        TASK.check_base(base, BACKBONE)


CROPPING = {
    "CLIPImageProcessor": {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}},
    "BitImageProcessor": {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}},
    "ConvNextImageProcessor": {"crop_pct": 0.875},
}


@pytest.mark.parametrize("name", sorted(CROPPING))
@pytest.mark.parametrize("size", [(400, 4), (4, 401), (1, 90), (90, 60), (64, 4)])
def test_a_sliver_gives_the_values_of_its_middle(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    base = settings(
        toy_image_base(tmp_path / "base"),
        **{"image_processor_type": name, "size": {"shortest_edge": 32}, **CROPPING[name]},
    )
    processor = load_image_processor(base)
    picture = scene(1).resize(size)
    expected = processor([picture], return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(pixel_values(processor, [picture]), expected, rtol=0, atol=0)


def test_a_long_sliver_is_cut_before_it_is_enlarged(tmp_path: Path) -> None:
    base = settings(
        toy_image_base(tmp_path / "base"),
        image_processor_type="CLIPImageProcessor",
        size={"shortest_edge": 32},
        **CROPPING["CLIPImageProcessor"],
    )
    processor = load_image_processor(base)
    assert trimmed(processor, Image.new("RGB", (20_000, 2))).size == (32, 2)
    assert trimmed(processor, Image.new("RGB", (2, 20_001))).size == (2, 33)
    whole = load_image_processor(toy_image_base(tmp_path / "whole"))
    assert trimmed(whole, Image.new("RGB", (20_000, 2))).size == (20_000, 2), "nothing of it is cropped"


def test_a_base_of_one_channel_reads_grey_values(tmp_path: Path) -> None:
    base = toy_image_base(tmp_path / "base", "grey")
    TASK.check_base(base, BACKBONE)
    _, processor = TASK.load_base(base, LABELS, ModelInit())
    picture = scene(1)
    values = TASK.batch(processor, [{"image": encoded(picture)}])["pixel_values"]
    expected = processor([picture.convert("L")], return_tensors="pt")["pixel_values"]
    assert values.shape == (1, 1, 32, 32)
    torch.testing.assert_close(values, expected, rtol=0, atol=0)


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
    seen = {"width": 32, "height": 32, "black": -1.0, "white": 1.0}
    text = "\n".join(describe_images({"input": seen, "data": {"train": {**report, "enlarged_share": 0.9}}}))
    assert "| train | 3 | 20 | 40 | 300 | 90.00% |" in text
    assert "Most images of train are smaller" in text
    assert "No usual base" not in text


BYTES = {"image_mean": [123.7, 116.3, 103.5], "image_std": [58.4, 57.1, 57.4]}


@pytest.mark.parametrize(
    ("values", "black", "white", "usual"),
    [
        ({}, -1, 1, True),
        ({"do_normalize": False}, 0, 1, True),
        ({"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}, -2.118, 2.64, True),
        ({"do_rescale": False}, -1, 509, False),
        ({"do_rescale": False, **BYTES}, -2.118, 2.639, True),
        (BYTES, -2.118, -1.786, False),
    ],
    ids=["usual", "shares", "ImageNet", "bytes taken for shares", "bytes", "shares taken for bytes"],
)
def test_the_report_states_the_values_that_the_model_gets(
    tmp_path: Path, values: dict[str, object], black: float, white: float, usual: bool
) -> None:
    """A switch that is off leaves its settings in the file, unused."""
    processor = load_image_processor(settings(toy_image_base(tmp_path / "base"), **values))
    seen = normalisation(processor)
    assert (seen["black"], seen["white"]) == pytest.approx((black, white), abs=0.01)
    picture = Image.new("RGB", (32, 32), (30, 60, 90))
    shares = np.array([30, 60, 90]) * (1 if seen["rescale_factor"] is None else seen["rescale_factor"])
    if seen["image_mean"] is not None:
        shares = (shares - seen["image_mean"]) / seen["image_std"]
    assert pixel_values(processor, [picture])[0, :, 0, 0].numpy() == pytest.approx(shares, abs=1e-4)
    text = "\n".join(describe_images({"input": seen, "data": {}}))
    assert ("No usual base" in text) != usual
