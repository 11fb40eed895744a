"""What becomes of images from outside, against Pillow's own reading of them."""

import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps, PngImagePlugin

from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.image_decoding import decode
from tests.toys.pictures import animated, bomb, encoded, scene

COLUMN = ImageColumn("image")
ORIENTATION, GPS = 0x0112, 0x8825


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(decode(content))


def apart(one: bytes, other: bytes) -> float:
    """Share of the bits of two perceptual hashes that differ."""
    bits = [
        np.unpackbits(np.frombuffer(COLUMN.perceptual_hash(COLUMN.read(content)), np.uint8))
        for content in (one, other)
    ]
    return float((bits[0] != bits[1]).mean())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_image_is_stored_as_given(kind: str, mode: str) -> None:
    content = encoded(scene(0).convert(mode), kind)
    assert COLUMN.read(content) == content
    assert COLUMN.changes(content) == ()
    assert (pixels(content) == np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_metadata_and_what_hides_behind_the_end_are_not_stored(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret words"
    exif.get_ifd(GPS)[1] = "N"
    content = encoded(scene(1), kind, exif=exif, icc_profile=b"secret words" * 20) + b"secret words"
    stored = COLUMN.read(content)
    assert content.count(b"secret") >= 2  # PNG packs its colour profile
    assert b"secret" not in stored
    assert not Image.open(io.BytesIO(stored)).getexif()
    assert (pixels(stored) == pixels(content)).all()
    assert COLUMN.changes(content) == ("place (GPS) removed",)
    assert COLUMN.key(stored) == COLUMN.key(COLUMN.read(encoded(scene(1), kind)))


def test_a_progressive_jpeg_and_one_with_restarts_stay_whole() -> None:
    for options in ({"progressive": True}, {"restart_marker_blocks": 1}, {"optimize": True}):
        content = encoded(scene(2, 200, 160), "JPEG", **options)
        assert COLUMN.read(content) == content


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_stand_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(scene(3), kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    stored = COLUMN.read(content)
    assert (pixels(stored) == np.asarray(expected)).all()
    assert ("turned as EXIF says" in COLUMN.changes(content)) == (orientation != 1)
    assert Image.open(io.BytesIO(stored)).getexif().get(ORIENTATION, 1) == 1


def test_transparency_is_laid_on_white() -> None:
    for mode in ("RGBA", "LA"):
        layer = Image.new(mode, (4, 4), 0)
        stored = COLUMN.read(encoded(layer))
        assert (pixels(stored) == 255).all()
        assert COLUMN.changes(encoded(layer)) == ("transparency laid on white",)
    opaque = scene(4)
    assert (pixels(COLUMN.read(encoded(opaque.convert("RGBA")))) == np.asarray(opaque)).all()
    assert COLUMN.changes(encoded(opaque.convert("RGBA"))) == ()


def test_a_palette_with_transparency() -> None:
    image = scene(4).convert("P")
    content = encoded(image, transparency=image.getpixel((0, 0)))
    stored = pixels(COLUMN.read(content))
    assert tuple(stored[0, 0]) == (255, 255, 255)
    assert (stored == np.asarray(image.convert("RGB"))).mean() > 0.9


def test_a_palette_is_read_as_its_colours() -> None:
    image = scene(4).quantize(16)
    content = encoded(image)
    assert COLUMN.read(content) == content
    assert (pixels(content) == np.asarray(image.convert("RGB"))).all()


def test_cmyk_becomes_rgb() -> None:
    content = encoded(scene(5).convert("CMYK"), "JPEG", quality=95)
    stored = pixels(COLUMN.read(content)).astype(int)
    assert np.abs(stored - np.asarray(scene(5))).mean() < 6
    assert COLUMN.changes(content) == ("CMYK to RGB",)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_cut(kind: str) -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    content = encoded(Image.fromarray(ramp), kind)
    stored = pixels(COLUMN.read(content))
    assert (stored[..., 0] == np.round(ramp / 257)).all()
    assert COLUMN.changes(content)[0] == "16 bits scaled to 8"


def deep_png(values: npt.NDArray[np.uint16], colour_type: int) -> bytes:
    """A PNG of 16 bits a channel `[H, W, C]`, which Pillow cannot write in colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    height, width, _ = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Colour type of a PNG → its channels: grey, RGB, grey and alpha, RGB and alpha."""


@pytest.mark.parametrize("colour_type", CHANNELS)
def test_16_bits_of_any_colours_are_stored_as_8_and_counted(colour_type: int) -> None:
    values = np.linspace(0, 65_535, 100 * CHANNELS[colour_type]).astype(np.uint16).reshape(10, 10, -1)
    if colour_type in (4, 6):
        values[..., -1] = 65_535
    content = deep_png(values, colour_type)
    stored = COLUMN.read(content)
    assert stored[24] == 8
    assert np.abs(pixels(stored)[..., 0] - values[..., 0] / 257.0).max() <= 1
    (change,) = COLUMN.changes(content)
    assert change in {"16 bits scaled to 8", "the upper 8 of 16 bits kept"}


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("colour_type", CHANNELS)
def test_16_bits_of_which_few_are_used_are_noted(bits: int, colour_type: int) -> None:
    values = np.linspace(0, 2**bits - 1, 100 * CHANNELS[colour_type]).astype(np.uint16).reshape(10, 10, -1)
    if colour_type in (4, 6):
        values[..., -1] = 65_535
    (change,) = COLUMN.changes(deep_png(values, colour_type))
    assert change.endswith(
        f", of which only {bits} are used: at most {2 ** (bits - 8)} of 256 levels are left; "
        f"`task.intensity_range: {{high: {2**bits - 1}}}` keeps them"
    )


def test_black_pictures_and_those_that_use_their_bits_are_not_noted() -> None:
    for highest in (0, 40_000):
        values = np.full((8, 8), highest, np.uint16)
        assert COLUMN.changes(encoded(Image.fromarray(values), "PNG")) == ("16 bits scaled to 8",)


def test_a_deep_tiff_where_white_is_0_is_inverted() -> None:
    ramp = np.linspace(0, 65_535, 64).astype(np.uint16).reshape(8, 8)
    plain, inverted = (encoded(Image.fromarray(ramp), "TIFF", tiffinfo={262: white}) for white in (1, 0))
    assert (pixels(COLUMN.read(inverted)) == 255 - pixels(COLUMN.read(plain))).all()
    assert "inverted, as white is 0" in COLUMN.changes(inverted)


FOREIGN = {
    "an AVIF image": b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf",
    "a HEIC image": b"\0\0\0\x18ftypheic\0\0\0\0mif1",
    "a JPEG 2000 image": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a JPEG XL image": b"\xff\x0a" + bytes(9),
    "a DICOM image": bytes(128) + b"DICM" + bytes(9),
    "an SVG drawing": b'\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a PDF document": b"%PDF-1.7",
    "a Netpbm image": b"P6\n2 2\n255\n",
    "a Photoshop document": b"8BPS\0\1",
}


@pytest.mark.parametrize(("name", "content"), FOREIGN.items(), ids=FOREIGN)
def test_images_of_other_formats_are_named_with_their_conversion(name: str, content: bytes) -> None:
    with pytest.raises(ColumnError, match=f"is {name}, which is not read; convert it to PNG with .*[a-z]"):
        COLUMN.read(content)


def test_a_video_is_no_image() -> None:
    with pytest.raises(ColumnError, match="is no image"):
        COLUMN.read(b"\0\0\0\x18ftypisom\0\0\0\0mp42")


def test_two_formats_of_the_same_pixels_are_the_same_content() -> None:
    keys = {
        COLUMN.key(COLUMN.read(content))
        for content in (
            encoded(scene(6)),
            encoded(scene(6), compress_level=1),
            encoded(scene(6), "BMP"),
            encoded(scene(6), "TIFF"),
            encoded(scene(6), "WEBP", lossless=True),
            encoded(scene(6).convert("RGBA")),
        )
    }
    assert len(keys) == 1
    assert COLUMN.key(COLUMN.read(encoded(scene(6).crop((0, 0, 47, 40))))) not in keys


def test_the_struct_of_datasets_is_read() -> None:
    content = encoded(scene(7))
    assert COLUMN.read({"bytes": content, "path": "a.png"}) == content


BIG = "A" * 10_000


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "must be the bytes of an image (given None)"),
        ("cat.png", "declare `files` of the source"),
        ({"bytes": None, "path": "cat.png"}, "declare `files` of the source"),
        (b"", "is empty (0 bytes)"),
        (b"hello, I am called cat.png", "is no image (it begins with b'hello, I'"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer"),
        (encoded(scene(0))[:-1], "is cut short: the PNG does not end"),
        (encoded(scene(0), "JPEG")[:-1], "is cut short: the JPEG does not end"),
        (encoded(scene(0), "BMP")[:-1000], "is broken or cut short: "),
        (bomb(60_000, 60_000), "is far too large (allowed: 67108864 pixels)"),
        (bomb(9_000, 9_000), "has 9000×9000 pixels (allowed: 67108864 pixels)"),
        (bomb(1_000, 1_000), "is broken or cut short: image file is truncated"),
        (bomb(0, 5), "is broken"),
        (animated("GIF"), "holds 3 frames"),
        (animated("WEBP"), "holds 3 frames"),
        (animated("TIFF"), "holds 3 frames"),
        (animated("PNG"), "is an animated PNG"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "has pixels of kind 'F'"),
        (encoded(Image.new("I", (4, 4)), "TIFF"), "has pixels of kind 'I'"),
        (encoded(scene(0), "ICO"), "is an icon of several sizes"),
    ],
)
def test_an_image_that_is_invalid_is_refused(value: object, message: str) -> None:
    with pytest.raises(ColumnError) as refusal:
        COLUMN.read(value)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_no_beginning_of_a_file_passes_for_the_file(kind: str) -> None:
    content = encoded(scene(8, 12, 10), kind)
    for length in range(len(content)):
        with pytest.raises(ColumnError):
            COLUMN.read(content[:length])


def test_a_wrong_checksum_is_refused() -> None:
    content = bytearray(encoded(scene(9)))
    content[len(content) // 2] ^= 1
    with pytest.raises(ColumnError, match="checksum"):
        COLUMN.read(bytes(content))


def test_a_huge_text_inside_an_image_is_not_unpacked() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "A" * (8 << 20), zip=True)
    content = encoded(scene(9), pnginfo=info)
    with pytest.raises(ColumnError, match="is broken"):
        COLUMN.read(content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]),
    places=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_broken_bytes_are_read_or_refused_never_worse(kind: str, places: list[tuple[int, int]]) -> None:
    content = bytearray(encoded(scene(10, 16, 12), kind))
    for place, value in places:
        content[place % len(content)] = value
    try:
        stored = COLUMN.read(bytes(content))
    except ColumnError:
        return
    assert COLUMN.key(stored) == COLUMN.key(COLUMN.read(stored))
    assert decode(stored).size == decode(COLUMN.read(stored)).size


def test_what_is_stored_stays_the_same_when_read_again() -> None:
    for content in (encoded(scene(11), "GIF"), encoded(scene(11).convert("CMYK"), "JPEG")):
        stored = COLUMN.read(content)
        assert COLUMN.read(stored) == stored


def test_copies_are_near_and_other_pictures_are_not() -> None:
    pictures = [scene(seed, 120, 90) for seed in range(12)]
    for number, picture in enumerate(pictures):
        original = encoded(picture)
        for copy in (
            encoded(picture, "JPEG", quality=30),
            encoded(picture.resize((60, 45))),
            encoded(ImageEnhance.Brightness(picture).enhance(0.9)),
            encoded(picture.filter(ImageFilter.GaussianBlur(1))),
            encoded(picture.convert("L")),
        ):
            assert apart(original, copy) < 0.1
        for other in pictures[number + 1 :]:
            assert apart(original, encoded(other)) > 0.2


def test_an_image_without_structure_is_near_nothing() -> None:
    for colour in ("white", "black", (200, 30, 30)):
        assert COLUMN.perceptual_hash(COLUMN.read(encoded(Image.new("RGB", (40, 40), colour)))) == bytes(32)
    assert COLUMN.perceptual_hash(COLUMN.read(encoded(scene(0)))) != bytes(32)


def test_what_is_shown_and_measured() -> None:
    stored = COLUMN.read(encoded(scene(0)))
    assert COLUMN.text(stored) == "image of 48×40"
    assert COLUMN.size(stored) == len(stored)
    assert next(COLUMN.thumbnails(stored, 12)).size == (12, 10)
    assert COLUMN.text(stored) == "image of 48×40"
