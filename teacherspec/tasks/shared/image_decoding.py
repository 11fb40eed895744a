"""Untrusted images: validation, the bytes that are stored, and their pixels.

Stored bytes hold pixels and nothing else: JPEG and PNG as given but without metadata (place, time, previews,
comments, data after the end), other formats as PNG. Rotation, transparency and unusual colour spaces are
applied before storing, so that readers need no rules for them.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teacherspec.tasks.shared.high_bit_images import (
    PHOTOMETRIC,
    STORED_BITS,
    WHITE_IS_ZERO,
    IntensityRange,
    UnknownValuesError,
    bits_of_a_channel,
    highest,
    in_range,
    scaled_to_8_bits,
    unused_bits,
)
from teacherspec.tasks.shared.unread_images import unread_image

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats that are read; recognised by content, not by file name."""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_MAGIC = (_JPEG, _PNG, b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_ORIENTATION, _GPS = 0x0112, 0x8825
_PLAIN_MODES = {"1", "L", "P", "RGB"}

# JPEG markers (ITU-T T.81, table B.1). In a scan, `ff` before `00` or a restart (`d0`-`d7`) is data.
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_ENDS = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_METADATA = {0xFE, *range(0xE1, 0xF0)} - {
    0xEE
}  # comments and application data; `ee` says how colours are coded


class ImageError(ValueError):
    """Bytes that are not a valid image; the text says why and what to do."""


@dataclass(frozen=True)
class PlainImage:
    """An image as stored.

    Attributes:
        content: JPEG, PNG or WebP that holds pixels only, upright, 8 bits a channel, without transparency.
        image: its pixels, RGB.
        changes: what was changed, in words, besides the removal of descriptive metadata.
    """

    content: bytes
    image: "Image"
    changes: tuple[str, ...]


def decode(content: bytes) -> "Image":
    """Stored bytes → pixels, RGB. Colour profiles are not applied, here as in every data loader."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        return image.convert("RGB")


def encode_png(image: "Image") -> bytes:
    """Pixels as PNG, the same bytes for the same pixels and libraries."""
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def encode_small(image: "Image") -> bytes:
    """Pixels as PNG or JPEG, whichever is shorter: PNG for drawings, JPEG for photos."""
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=85)
    return min(encode_png(image), sink.getvalue(), key=len)


def plain_image(content: bytes, max_pixels: int, intensities: IntensityRange | None = None) -> PlainImage:
    """Validate an image completely and convert it to the bytes that are stored.

    Upright as EXIF says; transparency laid on white; palettes, CMYK and YCbCr as RGB; 16 bits scaled to 8.

    Args:
        content: of a file.
        max_pixels: width times height above which nothing is decoded.
        intensities: range of values of more than 8 bits that is kept; None for that of their type.

    Raises:
        ImageError: no image, cut short, too large, animated, or pixel values without a known range.
    """
    if not content:
        raise ImageError("is empty (0 bytes); take it out or get the file again")
    if content.startswith(_LFS_POINTER):
        raise ImageError("is a Git LFS pointer, not the image; run `git lfs pull`")
    bare = _without_metadata(content)
    image = _opened(content, max_pixels)
    loaded = _loaded(content if bare is None else bare, max_pixels)
    if bare is None and loaded.format == "WEBP" and not {"exif", "xmp"} & loaded.info.keys():
        bare = content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tags = image.getexif()
    changes = ["place (GPS) removed"] if _GPS in tags else []
    deep = bits_of_a_channel(loaded, content) > STORED_BITS
    if deep and intensities is not None:
        pixels = _as_rgb(_in_range(loaded, content, intensities, changes), changes)
    else:
        pixels = _as_rgb(loaded, changes)
        if deep and not loaded.mode.startswith("I;16"):
            changes.append("the upper 8 of 16 bits kept" + unused_bits(highest(loaded) << STORED_BITS))
    # Pillow rotates TIFF while loading and then drops the tag; other formats are rotated here.
    turned = tags.get(_ORIENTATION, 1) != 1
    if turned:
        pixels = _upright(pixels, loaded if image.format == "TIFF" else image)
        changes.append("turned as EXIF says")
    if bare is None:
        changes.append(f"{loaded.format} written as PNG")
    if bare is None or turned or deep or loaded.mode not in _PLAIN_MODES or loaded.has_transparency_data:
        bare = encode_png(pixels)
    return PlainImage(bare, pixels, tuple(changes))


def _opened(content: bytes, max_pixels: int) -> "Image":
    """The image with its header read, refused by format, size and number of frames."""
    from PIL import Image, UnidentifiedImageError

    too_many = f"(allowed: {max_pixels} pixels); shrink it"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise ImageError(f"is far too large {too_many}") from error
        except UnidentifiedImageError as error:
            if content.startswith(_MAGIC):
                raise ImageError("is broken: its header cannot be read; get the file again") from error
            raise ImageError(
                unread_image(content)
                or f"is no image (it begins with {content[:8]!r}; read are {', '.join(FORMATS)})"
            ) from error
        except Exception as error:  # hostile bytes make a decoder raise anything
            raise ImageError(f"is broken: {_first_line(error)}") from error
    if image.width * image.height > max_pixels:
        raise ImageError(f"has {image.width}×{image.height} pixels {too_many}")
    with warnings.catch_warnings():  # counting pages reads further into the file than opening did
        warnings.simplefilter("ignore")
        try:
            # MPO: a photo and its previews.
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        except Exception as error:  # hostile bytes make a decoder raise anything
            raise ImageError(f"is broken: {_first_line(error)}") from error
    if frames > 1:
        raise ImageError(f"holds {frames} frames (animated or several pages); give one image")
    return image


def _loaded(content: bytes, max_pixels: int) -> "Image":
    """The image with every pixel decoded."""
    image = _opened(content, max_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image.load()
        except Exception as error:  # hostile bytes make a decoder raise anything
            raise ImageError(f"is broken or cut short: {_first_line(error)}") from error
    return image


def _in_range(image: "Image", content: bytes, intensities: IntensityRange, changes: list[str]) -> "Image":
    """8-bit pixels of the declared range of values; appends what was done to `changes`."""
    try:
        found, change = in_range(image, content, intensities)
    except UnknownValuesError as error:
        raise ImageError(str(error)) from error
    changes.append(change)
    return found


def _as_rgb(image: "Image", changes: list[str]) -> "Image":
    """RGB pixels; appends changes that lose information to `changes`."""
    from PIL import Image, ImageOps

    if image.mode.startswith("I;16"):
        changes.append("16 bits scaled to 8" + unused_bits(highest(image)))
        if image.format == "TIFF" and image.getexif().get(PHOTOMETRIC) == WHITE_IS_ZERO:
            changes.append("inverted, as white is 0")  # Pillow inverts images of 8 bits only
            return ImageOps.invert(scaled_to_8_bits(image))
        return scaled_to_8_bits(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            changes.append("transparency laid on white")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(layer)
        return white.convert("RGB")
    if image.mode == "CMYK":
        changes.append("CMYK to RGB")
    elif image.mode not in ("1", "L", "P", "RGB", "YCbCr"):
        raise ImageError(
            f"has pixels of kind {image.mode!r}, whose range is not known; declare "
            "task.intensity_range, or save it with 8 bits a channel"
        )
    return image.convert("RGB")


def _upright(pixels: "Image", given: "Image") -> "Image":
    """The pixels rotated by the orientation in the EXIF data of the given file."""
    from PIL import ImageOps

    pixels.getexif()[_ORIENTATION] = given.getexif().get(_ORIENTATION, 1)
    turned = ImageOps.exif_transpose(pixels)
    turned.info.clear()
    return turned


def _without_metadata(content: bytes) -> bytes | None:
    """JPEG or PNG reduced to what determines the pixels, checked to be complete; None for other formats.

    Raises:
        ImageError: the file ends before its image does, a checksum is wrong, or it is an animated PNG.
    """
    if content.startswith(_JPEG):
        return content[:2] + b"".join(_jpeg_segments(content))
    if content.startswith(_PNG):
        return content[:8] + b"".join(_png_chunks(content))
    return None


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
    at, pattern = 2, _MARKER
    while found := pattern.search(content, at):
        if pattern is _SCAN_ENDS:
            yield content[at : found.start()]
        begin, marker = found.start(), content[found.end() - 1]
        if marker == _END_OF_IMAGE:
            yield content[begin : begin + 2]
            return
        at = begin + 2 + int.from_bytes(content[begin + 2 : begin + 4], "big")
        if at > len(content) or at < begin + 4:
            break
        if marker not in _METADATA:
            yield content[begin:at]
        pattern = _SCAN_ENDS if marker == _START_OF_SCAN else _MARKER
    raise ImageError(f"is cut short: the JPEG does not end ({len(content)} bytes); get the file again")


def _png_chunks(content: bytes) -> Iterator[bytes]:
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, end = content[at + 4 : at + 8], at + 12 + length
        if end > len(content):
            break
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise ImageError(f"is broken: the checksum of PNG chunk {kind!r} is wrong; get the file again")
        if kind == b"acTL":
            raise ImageError("is an animated PNG; give one image")
        if kind in _PIXEL_CHUNKS:
            yield content[at:end]
        if kind == b"IEND":
            return
        at = end
    raise ImageError(f"is cut short: the PNG does not end ({len(content)} bytes); get the file again")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
