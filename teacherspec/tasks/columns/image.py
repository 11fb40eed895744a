"""The rule of a column that holds images."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.columns.base import Column, ColumnError, shown
from teacherspec.tasks.shared.image_decoding import FORMATS, ImageError, PlainImage, decode, plain_image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from PIL.Image import Image

HASH_SIDE = 16
"""The perceptual hash keeps the signs of 16 × 16 frequencies. With the usual 8 × 8 distinct scans of digits
are as near to each other as a photo is to its brighter copy; with 16 × 16 nothing distinct comes near."""

SKETCH_SIDE = 32
_HASHED_SIDE = 512
_PLAIN = 2.0
"""Standard deviation of the grey values (0 to 255) below which an image shows nothing to compare."""


@dataclass(frozen=True)
class ImageColumn(Column):
    """An image: encoded bytes, or `{"bytes": …, "path": …}` as `datasets` stores them.

    Stored as the bytes that `images.plain_image` leaves. Equal content means equal pixels, whatever the
    format; near content means nearly equal perceptual hashes.

    Attributes:
        max_pixels: largest width times height; larger ones are refused before they are decoded. 2^26 pixels
            take 200 MB.
    """

    max_pixels: int = 1 << 26

    near: ClassVar[bool] = True
    unit: ClassVar[str] = "bytes"
    is_text: ClassVar[bool] = False
    pictured: ClassVar[bool] = True
    signature_bytes: ClassVar[int] = HASH_SIDE * HASH_SIDE // 8

    def read(self, value: Any) -> bytes:
        """The bytes to store. Raises `ColumnError`."""
        return self._plain(value).content

    def changes(self, value: Any) -> tuple[str, ...]:
        """What `read` changed of the given value, in words. Raises `ColumnError`."""
        return self._plain(value).changes

    def _plain(self, value: Any) -> PlainImage:
        content = _bytes_of(value)
        if _memory.given is not content or _memory.plain is None:
            try:
                _memory.plain = plain_image(content, self.max_pixels)
            except ImageError as error:
                raise ColumnError(str(error)) from error
            _memory.given = content
        return _memory.plain

    def key(self, value: Any) -> bytes:
        """A hash of width, height and RGB pixels."""
        image = _pixels(value)
        return blake2b(b"%d %d " % image.size + image.tobytes(), digest_size=32).digest()

    def storage(self) -> "pa.DataType":
        """Encoded bytes."""
        import pyarrow as pa

        return pa.binary()

    def to_json(self, value: Any) -> dict[str, str]:
        """The bytes in base 64."""
        return {"base64": b64encode(value).decode("ascii")}

    def from_json(self, value: Any) -> Any:
        """The bytes of what `to_json` wrote, or of the file that a path names. Raises `ColumnError`."""
        if isinstance(value, str):
            try:
                return Path(value).read_bytes()
            except OSError as error:
                raise ColumnError(
                    f"no file can be read at {shown(value)} ({error.strerror}); give a path from here"
                ) from error
        if isinstance(value, dict) and isinstance(value.get("base64"), str):
            try:
                return b64decode(value["base64"], validate=True)
            except ValueError as error:
                raise ColumnError(f"is not base 64 ({error})") from error
        return value

    def text(self, value: Any) -> str:
        """Its width and height."""
        image = _pixels(value)
        return f"image of {image.width}×{image.height}"

    def size(self, value: Any) -> int:
        """Length of the stored bytes: what the image takes on disk and in memory until it is decoded."""
        return len(value)

    def signature(self, value: Any) -> bytes:
        """The perceptual hash (`imagehash.phash`, 256 bits); zeros for an image without any structure.

        Signs, against their median, of the lowest frequencies of the cosine transform of the shrunk grey
        image (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions").
        """
        import numpy as np
        from imagehash import phash

        grey = _grey(_pixels(value))
        if float(np.asarray(grey).std()) < _PLAIN:
            return bytes(self.signature_bytes)
        return np.packbits(phash(grey, hash_size=HASH_SIDE).hash).tobytes()

    def sketch(self, value: Any) -> "npt.NDArray[np.float32]":
        """Its grey values on 32 × 32 places."""
        import numpy as np
        from PIL.Image import Resampling

        return np.asarray(_grey(_pixels(value)).resize((SKETCH_SIDE,) * 2, Resampling.BOX), np.float32)

    def measures(self, value: Any) -> Mapping[str, int | str]:
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

    def picture(self, value: Any, side: int) -> "Image":
        """A small copy."""
        small = _pixels(value).copy()
        small.thumbnail((side, side))
        return small


class _Memory:
    """The image that was read last: the verbs of a field follow each other, and decoding is what costs."""

    given: bytes | None = None
    plain: PlainImage | None = None


_memory = _Memory()


def _pixels(value: bytes) -> "Image":
    """RGB pixels of stored bytes."""
    plain = _memory.plain
    return plain.image if plain is not None and plain.content is value else decode(value)


def _grey(image: "Image") -> "Image":
    """Grey, and small enough to be quick."""
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
