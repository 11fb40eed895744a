"""How a base's image processor suits the rows: sizes, share of enlarged images, normalisation."""

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import BaseModelError
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks.shared.hf_loading import first_line, load_config
from teacherspec.tasks.shared.image_dataset import input_sizes, pixel_values
from teacherspec.tasks.shared.image_decoding import FORMATS

if TYPE_CHECKING:
    from datasets import Dataset

QUANTILES = (0.0, 0.5, 1.0)
MANY_ENLARGED = 0.5
MUCH_LARGER = 4
"""Ratio of shorter side to input side above which detail is lost."""

USUAL_SPANS = (0.5, 20.0)
"""From black to white: 1 or 2 where values are only scaled, 4 to 5 with the deviations of ImageNet."""

SWITCHES = {"image_mean": "do_normalize", "image_std": "do_normalize", "rescale_factor": "do_rescale"}
"""Settings that a processor keeps, and does not apply, where the switch is off."""


def check_processor(folder: Path, processor: Any) -> None:
    """Refuse a processor whose outputs cannot be stacked, or do not match the model's position embeddings.

    Raises:
        BaseModelError: inputs of different images differ in size, are no images, or have another size than
            the model takes.
    """
    from PIL import Image

    settings = folder / "preprocessor_config.json"
    shape = tuple(pixel_values(processor, [Image.new("RGB", (90, 60))]).shape)
    if len(shape) != 4:
        raise BaseModelError(
            f"{settings}: gives values of shape {list(shape)}, as NaFlex does, and no image of fixed "
            "height and width; choose another base"
        )
    wide, tall = input_sizes(processor)
    if wide != tall:
        raise BaseModelError(
            f"{settings}: images of different shapes stay different ({wide[1]}×{wide[0]} and "
            f"{tall[1]}×{tall[0]} pixels); give `size` a height and a width, or crop with `do_center_crop`"
        )
    config = read_json(folder / "config.json")
    config |= config.get("vision_config") or {}
    size = config.get("image_size")
    stated = (size, size) if isinstance(size, int) else size and tuple(size)
    if stated and wide != stated and (problem := _refused_size(folder, shape)):
        raise BaseModelError(
            f"{settings}: gives images of {wide[1]}×{wide[0]} pixels, config.json says "
            f"{stated[1]}×{stated[0]}, and the model takes no other ({problem}); make them agree"
        )


def _refused_size(folder: Path, shape: tuple[int, ...]) -> str | None:
    """Why the model takes no images of this shape `[1, C, H, W]`; None where it does, as many interpolate.

    Tried without weights: the architecture itself shows whether it interpolates its positions.
    """
    import torch
    from transformers import AutoModel

    config = load_config(folder, None, None)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = AutoModel.from_config(config).train(False)
        tower = dict(model.named_children()).get("vision_model", model)
        try:
            tower(pixel_values=torch.empty(*shape))
        except (ValueError, RuntimeError) as error:
            return first_line(error)
        except Exception:  # anything else is no matter of size: real rows are tried next
            return None
    return None


def normalisation(processor: Any) -> dict[str, Any]:
    """What a student needs to preprocess images like the teacher, JSON-able; None is not applied.

    `black` is the least value that the model gets for a black image, `white` the greatest for a white one.
    """
    from PIL import Image

    height, width = input_sizes(processor)[0]
    settings = processor.to_dict()
    names = ("image_mean", "image_std", "rescale_factor", "resample", "do_center_crop")
    applied = {name: settings.get(name) if settings.get(SWITCHES.get(name), True) else None for name in names}
    black, white = pixel_values(
        processor, [Image.new("RGB", (width, height), one) for one in ("black", "white")]
    )
    seen = {"black": float(black.min()), "white": float(white.max())}
    return {"height": height, "width": width, **applied, **seen}


def size_report(contents: Iterable[bytes], side: int) -> dict[str, Any]:
    """Sizes of images, read one by one, against an input of `side` pixels; headers alone are decoded."""
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
        "data": {
            name: size_report((row["image"] for row in rows.select_columns(["image"])), side)
            for name, rows in splits.items()
        },
    }


def describe_images(fit: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown on `input` and `data` of `fit.json`."""
    size = fit["input"]
    yield "## Data\n"
    black, white = size["black"], size["white"]
    pixels = f"{size['width']}×{size['height']} pixels"
    yield f"The model reads {pixels}; black is {black:.3g}, white is {white:.3g}.\n"
    yield "| split | examples | shorter side: smallest | median | largest | enlarged |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, data in fit["data"].items():
        sides = " | ".join(str(value) for value in data["shorter_side"].values())
        yield f"| {name} | {data['examples']} | {sides} | {data['enlarged_share']:.2%} |"
    yield ""
    if not USUAL_SPANS[0] <= white - black <= USUAL_SPANS[1]:
        yield (
            "- No usual base was trained with such values for black and white: compare `do_rescale`, "
            "`rescale_factor`, `image_mean` and `image_std` of its processor with those it was trained with; "
            "means of bytes (123.7) and of shares (0.485) are easily confused.\n"
        )
    for name, data in fit["data"].items():
        if data["enlarged_share"] > MANY_ENLARGED:
            yield f"- Most images of {name} are smaller than the input: a base for smaller ones is faster.\n"
        if data["much_larger_share"] > MANY_ENLARGED:
            yield f"- Most images of {name} are far larger than the input: small details are lost.\n"
