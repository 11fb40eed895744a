"""How a base's image processor suits the rows: sizes, share of enlarged images, normalisation."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import BaseModelError
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks.shared.image_dataset import input_sizes
from teacherspec.tasks.shared.image_decoding import FORMATS

if TYPE_CHECKING:
    from datasets import Dataset

QUANTILES = (0.0, 0.5, 1.0)
MANY_ENLARGED = 0.5
MUCH_LARGER = 4
"""Ratio of shorter side to input side above which detail is lost."""


def check_processor(folder: Path, processor: Any) -> None:
    """Refuse a processor whose outputs cannot be stacked, or do not match the model's position embeddings.

    Raises:
        BaseModelError: inputs of different images differ in size, or from the size in `config.json`.
    """
    wide, tall = input_sizes(processor)
    settings = folder / "preprocessor_config.json"
    if wide != tall:
        raise BaseModelError(
            f"{settings}: images of different shapes stay different ({wide[1]}×{wide[0]} and "
            f"{tall[1]}×{tall[0]} pixels); give `size` a height and a width, or crop with `do_center_crop`"
        )
    config = read_json(folder / "config.json")
    config |= config.get("vision_config") or {}
    size = config.get("image_size")
    # Only transformers that cut an image into patches have a position for each; ConvNeXt has patches too.
    positions = {"patch_size", "num_attention_heads"} <= config.keys()
    if positions and isinstance(size, int) and wide != (size, size):
        raise BaseModelError(
            f"{settings}: gives images of {wide[1]}×{wide[0]} pixels, config.json says {size}×{size}; "
            "make them agree"
        )


def normalisation(processor: Any) -> dict[str, Any]:
    """What a student needs to preprocess images like the teacher, JSON-able."""
    height, width = input_sizes(processor)[0]
    settings = processor.to_dict()
    names = ("image_mean", "image_std", "rescale_factor", "resample", "do_center_crop")
    return {"height": height, "width": width, **{name: settings.get(name) for name in names}}


def size_report(contents: Sequence[bytes], side: int) -> dict[str, Any]:
    """Sizes of stored images against an input of `side` pixels; only headers are read."""
    from PIL import Image

    sizes = []
    for content in contents:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            sizes.append(image.size)
    shorter = np.array(sizes).min(axis=1)  # [N]
    values = np.quantile(shorter, QUANTILES, method="higher").tolist()
    return {
        "examples": len(sizes),
        "shorter_side": dict(zip(("smallest", "median", "largest"), map(int, values), strict=True)),
        "enlarged_share": float((shorter < side).mean()),
        "much_larger_share": float((shorter > MUCH_LARGER * side).mean()),
    }


def images_report(processor: Any, splits: "Mapping[str, Dataset]") -> dict[str, Any]:
    """The model's input and the sizes of each split."""
    size = normalisation(processor)
    side = min(size["height"], size["width"])
    return {
        "input": size,
        "data": {name: size_report(list(rows["image"]), side) for name, rows in splits.items()},
    }


def describe_images(fit: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown on `input` and `data` of `fit.json`."""
    size = fit["input"]
    yield "## Data\n"
    yield (
        f"The model reads {size['width']}×{size['height']} pixels, rescaled by {size['rescale_factor']:.6g}, "
        f"less {size['image_mean']}, divided by {size['image_std']}.\n"
    )
    yield "| split | examples | shorter side: smallest | median | largest | enlarged |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, data in fit["data"].items():
        sides = " | ".join(str(value) for value in data["shorter_side"].values())
        yield f"| {name} | {data['examples']} | {sides} | {data['enlarged_share']:.2%} |"
    yield ""
    for name, data in fit["data"].items():
        if data["enlarged_share"] > MANY_ENLARGED:
            yield f"- Most images of {name} are smaller than the input: a base for smaller ones is faster.\n"
        if data["much_larger_share"] > MANY_ENLARGED:
            yield f"- Most images of {name} are far larger than the input: small details are lost.\n"
