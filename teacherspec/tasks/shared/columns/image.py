"""The column that holds one image."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.shared.columns.base import ColumnError, VisualColumn, shown
from teacherspec.tasks.shared.high_bit_images import IntensityRange
from teacherspec.tasks.shared.image_decoding import FORMATS, ImageError, PlainImage, decode, plain_image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from PIL.Image import Image

HASH_SIDE = 16
"""The perceptual hash holds the signs of 16 × 16 frequencies. With the usual 8 × 8, distinct scans of digits
differ as little as a photo from its brighter copy; with 16 × 16 they differ more."""

GREY_SIDE = 32
_HASHED_SIDE = 512
_BLANK_STD = 2.0
"""Standard deviation of the grey values (0 to 255) below which an image counts as blank."""


@dataclass(frozen=True)
class ImageColumn(VisualColumn):
    """An image: encoded bytes, or `{"bytes": …, "path": …}` as `datasets` stores them.

    Stored as the bytes that `image_decoding.plain_image` returns. Images are equal if their pixels are,
    whatever the format, and nearly equal if their perceptual hashes are.

    Attributes:
        max_pixels: largest width times height; larger ones are refused before they are decoded. 2^26 pixels
            take 200 MB.
        intensities: range of values of more than 8 bits a channel that is kept; None for that of their type.
    """

    max_pixels: int = 1 << 26
    intensities: IntensityRange | None = None

    unit: ClassVar[str] = "bytes"
    hash_bytes: ClassVar[int] = HASH_SIDE * HASH_SIDE // 8

    def read(self, value: Any) -> bytes:
        """The bytes to store. Raises `ColumnError`."""
        return self._plain(value).content

    def changes(self, value: Any) -> tuple[str, ...]:
        """What `read` changed of the given value, in words. Raises `ColumnError`."""
        return self._plain(value).changes

    def _plain(self, value: Any) -> PlainImage:
        content = _bytes_of(value)
        if _last.given is not content or _last.by != self or _last.plain is None:
            try:
                _last.plain = plain_image(content, self.max_pixels, self.intensities)
            except ImageError as error:
                raise ColumnError(str(error)) from error
            _last.given, _last.by = content, self
        return _last.plain

    def key(self, value: Any) -> bytes:
        """A hash of width, height and RGB pixels."""
        image = _pixels(value)
        return blake2b(b"%d %d " % image.size + image.tobytes(), digest_size=32).digest()

    def arrow_type(self) -> "pa.DataType":
        """Encoded bytes."""
        import pyarrow as pa

        return pa.binary()

    def to_json(self, value: Any) -> dict[str, str]:
        """The bytes in base 64."""
        return {"base64": b64encode(value).decode("ascii")}

    def from_json(self, value: Any) -> bytes:
        """The bytes as `to_json` encodes them. Raises `ColumnError`."""
        if not isinstance(value, dict) or not isinstance(value.get("base64"), str):
            raise ColumnError(f'must be {{"base64": …}} (given {shown(value)})')
        try:
            return b64decode(value["base64"], validate=True)
        except ValueError as error:
            raise ColumnError(f"is not base 64 ({error})") from error

    def opened(self, value: Any) -> Any:
        """Bytes as they are or in base 64, or those of the file at a path. Raises `ColumnError`."""
        if isinstance(value, str):
            try:
                return Path(value).read_bytes()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise ColumnError(
                    f"no file can be read at {shown(value)} ({reason}); give a path from here"
                ) from error
        return self.from_json(value) if isinstance(value, dict) and "base64" in value else value

    def text(self, value: Any) -> str:
        """Width and height, in words."""
        image = _pixels(value)
        return f"image of {image.width}×{image.height}"

    def size(self, value: Any) -> int:
        """Length of the stored bytes: the memory that the image takes until it is decoded."""
        return len(value)

    def perceptual_hash(self, value: Any) -> bytes:
        """The perceptual hash (`imagehash.phash`, 256 bits); zeros for a blank image.

        Signs, against their median, of the lowest frequencies of the cosine transform of the shrunk grey
        image (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions").
        """
        import numpy as np
        from imagehash import phash

        grey = _grey(_pixels(value))
        if float(np.asarray(grey).std()) < _BLANK_STD:
            return bytes(self.hash_bytes)
        return np.packbits(phash(grey, hash_size=HASH_SIDE).hash).tobytes()

    def grey_thumbnail(self, value: Any) -> "npt.NDArray[np.float32]":
        """Grey values `[32, 32]` of the shrunk image."""
        import numpy as np
        from PIL.Image import Resampling

        return np.asarray(_grey(_pixels(value)).resize((GREY_SIDE,) * 2, Resampling.BOX), np.float32)

    def properties(self, value: Any) -> Mapping[str, int | str]:
        """Width and height in pixels, format as stored, and whether it is a grey image."""
        from PIL import Image

        with Image.open(BytesIO(value), formats=FORMATS) as image:
            colours = "grey" if image.mode in ("1", "L") else "colour"
            return {
                "width": image.width,
                "height": image.height,
                "format": str(image.format),
                "colours": colours,
            }

    def thumbnails(self, value: Any, side: int) -> "Iterator[Image]":
        """A small copy."""
        small = _pixels(value).copy()
        small.thumbnail((side, side))
        yield small


class _LastRead:
    """Cache of the last image read: methods are called on it one after the other, and decoding is slow."""

    given: bytes | None = None
    by: ImageColumn | None = None
    plain: PlainImage | None = None


_last = _LastRead()


def _pixels(value: bytes) -> "Image":
    """RGB pixels of stored bytes."""
    plain = _last.plain
    return plain.image if plain is not None and plain.content is value else decode(value)


def _grey(image: "Image") -> "Image":
    """Grey, and shrunk so that the hash is fast."""
    return image.reduce(max(1, min(image.size) // _HASHED_SIDE)).convert("L")


def _bytes_of(value: Any) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, bytes):
        return content
    hint = "; declare `files` of the source to read the files that a column names"
    raise ColumnError(
        f"must be the bytes of an image (given {shown(value)}{hint if _is_path(value) else ''})"
    )


def _is_path(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("path"), str))
