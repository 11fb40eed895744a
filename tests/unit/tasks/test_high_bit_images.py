"""Images of more than 8 bits a channel in a declared range: every value lands where numpy puts it."""

import io
import struct
import zlib
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydantic import ValidationError

from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.clip_retrieval.task import ClipRetrieval
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.high_bit_images import IntensityRange
from teacherspec.tasks.vision_language.task import VisionLanguage
from tests.unit.tasks.test_image_column import CHANNELS, deep_png

SCANNER = IntensityRange(high=4095)
COLUMN = ImageColumn("image", intensities=SCANNER)


def ramp(*shape: int, most: int = 4095) -> npt.NDArray[np.uint16]:
    return np.linspace(0, most, int(np.prod(shape))).round().astype(np.uint16).reshape(shape)


def expected(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    return np.clip(np.floor((values.astype(np.float64) - low) * 255 / (high - low) + 0.5), 0, 255).astype(
        np.uint8
    )


def stored(column: ImageColumn, content: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(column.read(content))) as image:
        return np.asarray(image.convert("RGB"))


def grey(values: npt.NDArray[Any], kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(values).save(sink, kind, **options)
    return sink.getvalue()


def deep_tiff(values: npt.NDArray[np.uint16], order: str, *, deflated: bool, strips: int = 1) -> bytes:
    """A TIFF of 16 bits a channel `[H, W, 3]`, which Pillow cannot write, in `II` or `MM` order of bytes."""
    end = "<" if order == "II" else ">"
    height, width, channels = values.shape
    parts = [rows.astype(f"{end}u2").tobytes() for rows in np.array_split(values, strips)]
    parts = [zlib.compress(part) for part in parts] if deflated else parts
    at, places = 8, []
    for part in parts:
        places.append(at)
        at += len(part)
    lists = {273: places, 279: [len(part) for part in parts], 258: [16] * channels}
    tags = {256: width, 257: height, 259: 8 if deflated else 1, 262: 2, 277: channels, 278: height // strips}
    directory_at = at + at % 2
    extra_at, entries, extra = directory_at + 2 + 12 * (len(tags) + len(lists)) + 4, [], b""
    for tag in sorted({**tags, **lists}):
        numbers = lists.get(tag, [tags.get(tag, 0)])
        packed = struct.pack(f"{end}{len(numbers)}I", *numbers)
        value = packed if len(numbers) == 1 else struct.pack(f"{end}I", extra_at + len(extra))
        extra += b"" if len(numbers) == 1 else packed
        entries.append(struct.pack(f"{end}HHI", tag, 4, len(numbers)) + value)
    head = order.encode() + struct.pack(f"{end}HI", 42, directory_at)
    body = head + b"".join(parts)
    directory = struct.pack(f"{end}H", len(entries)) + b"".join(entries) + bytes(4)
    return body + bytes(directory_at - len(body)) + directory + extra


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_all_levels_of_a_scanner_are_kept(kind: str) -> None:
    values = ramp(64, 64)
    content = grey(values, kind)
    assert (stored(COLUMN, content) == expected(values, 0, 4095)[..., None]).all()
    assert len(np.unique(stored(COLUMN, content))) == 256
    assert len(np.unique(stored(ImageColumn("image"), content))) <= 17, "without the range few are left"
    assert COLUMN.changes(content)[0] == "values 0 to 4095 scaled to 8 bits"
    assert "`task.intensity_range: {high: 4095}` keeps them" in ImageColumn("image").changes(content)[0]


@pytest.mark.parametrize("colour_type", CHANNELS)
def test_both_bytes_of_png_colours_count(colour_type: int) -> None:
    values = ramp(30, 20, CHANNELS[colour_type])
    if colour_type in (4, 6):
        values[..., -1] = 65_535
    colours = values[..., :-1] if colour_type in (4, 6) else values
    found = stored(COLUMN, deep_png(values, colour_type))
    assert (found == expected(colours, 0, 4095)).all()


def test_transparent_parts_are_laid_on_white() -> None:
    values = ramp(10, 10, 4)
    values[..., 3] = np.where(np.arange(10) < 5, 65_535, 0)
    content = deep_png(values, 6)
    found = stored(COLUMN, content)
    assert (found[:, :5] == expected(values[:, :5, :3], 0, 4095)).all()
    assert (found[:, 5:] == 255).all()
    assert "transparency laid on white" in COLUMN.changes(content)


@pytest.mark.parametrize(("order", "deflated", "strips"), [*product(["II", "MM"], [False, True], [1, 2])])
def test_both_bytes_of_tiff_colours_count(order: str, deflated: bool, strips: int) -> None:
    values = ramp(12, 20, 3)
    content = deep_tiff(values, order, deflated=deflated, strips=strips)
    assert (stored(COLUMN, content) == expected(values, 0, 4095)).all()
    upper = stored(ImageColumn("image"), content)
    assert (upper == (values >> 8)).all(), "the oracle reads the file: without the range, the upper bytes"


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_signed_and_fractional_values_have_a_range_where_one_is_declared(dtype: type) -> None:
    values = np.linspace(-2000, 3000, 400).astype(dtype).reshape(20, 20)  # such as Hounsfield units
    content = grey(values, "TIFF")
    with pytest.raises(ColumnError, match=r"declare task\.intensity_range, or save it with 8 bits"):
        ImageColumn("image").read(content)
    column = ImageColumn("image", intensities=IntensityRange(low=-160, high=240))
    assert (stored(column, content) == expected(values, -160, 240)[..., None]).all()
    assert column.changes(content)[0] == "values -160 to 240 scaled to 8 bits, others cut"


def test_values_that_are_no_number_are_black() -> None:
    values = np.array([[np.nan, 0.0], [50.0, np.inf]], np.float32)
    column = ImageColumn("image", intensities=IntensityRange(high=100))
    assert stored(column, grey(values, "TIFF"))[..., 0].tolist() == [[0, 0], [128, 255]]


def test_white_may_be_0() -> None:
    values = ramp(8, 8)
    plain, inverted = (grey(values, "TIFF", tiffinfo={262: white}) for white in (1, 0))
    assert (stored(COLUMN, inverted) == 255 - stored(COLUMN, plain)).all()
    assert "values 0 to 4095 scaled to 8 bits, inverted, as white is 0" in COLUMN.changes(inverted)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_images_of_8_bits_stay_as_they_are(mode: str) -> None:
    content = grey(np.asarray(Image.linear_gradient("L")), "PNG")
    sink = io.BytesIO()
    Image.open(io.BytesIO(content)).convert(mode).save(sink, "PNG")
    assert COLUMN.read(sink.getvalue()) == ImageColumn("image").read(sink.getvalue())


def test_one_file_read_under_two_ranges_gives_two_images() -> None:
    content = grey(ramp(8, 8), "PNG")
    other = ImageColumn("image", intensities=IntensityRange(high=1000))
    assert COLUMN.read(content) != other.read(content)


@pytest.mark.parametrize("given", [{"high": 0}, {"low": 10, "high": 10}, {"low": 5}, {"high": 1e12}])
def test_a_range_must_ascend(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        IntensityRange(**given)


@pytest.mark.parametrize(
    "task",
    [
        Clip(kind="clip", intensity_range=SCANNER),
        ClipRetrieval(kind="clip_retrieval", intensity_range=SCANNER),
        ImageClassification(kind="image_classification", intensity_range=SCANNER),
        VisionLanguage(kind="vision_language", intensity_range=SCANNER),
    ],
    ids=lambda task: task.kind,
)
def test_every_kind_with_images_reads_them_so(task: Any) -> None:
    content = grey(ramp(16, 16), "PNG")
    read = task.row_schema().content[0].read(content)
    assert read in (COLUMN.read(content), [COLUMN.read(content)])
    snippet = "".join(str(part) for part in task.usage_snippet())
    assert "upright and RGB, values 0 to 4095 scaled to 0 to 255" in snippet
