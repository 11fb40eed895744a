"""The rows of a split through an untrusted tokenizer and image processor, for `BaseFit.probe_processor`."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.image_dataset import pixel_values
from teacherspec.tasks.shared.image_decoding import FORMATS, decode

if TYPE_CHECKING:
    from datasets import Dataset

ROWS_AT_ONCE = 1_000

VALUES_LIMIT = 3 * 4096 * 4096
"""Most numbers that an image may become. Batches hold dozens of images."""


def probe_texts(folder: Path, rows: "Dataset", texts_of: "Callable[[Dataset], list[str]]") -> Iterator[str]:
    """Tokenise the texts of all rows, some rows at a time, so that the message names the place.

    Args:
        folder: the base.
        rows: of a split.
        texts_of: the texts of some rows.
    """
    from transformers import AutoTokenizer

    yield "tokenizer"
    tokenizer = AutoTokenizer.from_pretrained(folder, **hf_loading.SAFE)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        if texts := texts_of(rows.select(range(start, min(len(rows), start + ROWS_AT_ONCE)))):
            tokenizer(texts)


def probe_images(processor: Any, images: Sequence[bytes]) -> Iterator[str]:
    """Prepare the images whose shapes are extreme: what an image becomes depends on its shape alone.

    Raises:
        ValueError: an image becomes more numbers than `VALUES_LIMIT`.
    """
    for size, content in extreme_shapes(images).items():
        yield f"image processor on an image of {size[0]}×{size[1]}"
        values = pixel_values(processor, [decode(content)])
        if values.numel() > VALUES_LIMIT:
            shape = "×".join(map(str, values.shape[1:]))
            raise ValueError(f"makes {shape} numbers of it (allowed: {VALUES_LIMIT})")


def extreme_shapes(images: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """The widest, tallest, largest and smallest image by (width, height); only headers are read."""
    from PIL import Image

    shapes: dict[tuple[int, int], int] = {}
    for place, content in enumerate(images):
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            shapes.setdefault(image.size, place)
    if not shapes:
        return {}
    ordered = sorted(shapes)
    chosen = [
        max(ordered, key=lambda size: size[0] / size[1]),
        max(ordered, key=lambda size: size[1] / size[0]),
        max(ordered, key=lambda size: size[0] * size[1]),
        min(ordered, key=lambda size: size[0] * size[1]),
    ]
    return {size: images[shapes[size]] for size in chosen}
