"""Images of more than 8 bits a channel: what of their values is kept, by default or as declared."""

import io
import sys
import warnings
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field as Param
from pydantic import model_validator

from teacherspec.spec.section import Section

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL.Image import Image

STORED_BITS, MOST_USED_BITS = 8, 14
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 0x0102, 0x0106, 0
"""Tags of TIFF, and the value of the second where white is 0."""

_PNG_DEPTH_AT = 24  # of the file: signature, length and name of IHDR, width, height
_ONE_CHANNEL = ("I", "I;16", "I;16B", "I;16L", "F")
_SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}
"""Order of the bytes of a value in the file → the order under which Pillow keeps the lower byte of two."""


class UnknownValuesError(ValueError):
    """Pixels whose values of more than 8 bits cannot be read; the text says why and what to do."""


class IntensityRange(Section):
    """Values of images of more than 8 bits that become black and white; those beyond them are cut."""

    low: float = Param(default=0.0, ge=-1e9, le=1e9)
    """Value that becomes 0."""

    high: float = Param(ge=-1e9, le=1e9)
    """Value that becomes 255, such as 4095 for 12 bits in files of 16."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.high <= self.low:
            raise ValueError(f"low must be below high (given {self.low:g} and {self.high:g})")
        return self

    def apply(self, values: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """Values of any shape → 0 to 255 as uint8, rounded to the nearest. NaN becomes 0."""
        import numpy as np

        share = (values.astype(np.float64) - self.low) / (self.high - self.low)
        return np.floor(np.clip(np.nan_to_num(share), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)

    def words(self) -> str:
        """The range as people read it."""
        return f"{self.low:.10g} to {self.high:.10g}"


def as_given(intensities: IntensityRange | None) -> str:
    """What the image of a user must be like where nothing converts it, for a usage snippet."""
    scaled = "" if intensities is None else f", values {intensities.words()} scaled to 0 to 255"
    return f"yours, upright and RGB{scaled}"


def bits_of_a_channel(image: "Image", content: bytes) -> int:
    """Bits of a channel in the file: Pillow reads colours of 16 bits as 8 without a word."""
    if image.format == "PNG":
        return content[_PNG_DEPTH_AT]
    if image.format != "TIFF":
        return STORED_BITS
    bits = image.getexif().get(BITS, STORED_BITS)  # of a TIFF: its own tags, one number or one a channel
    return max(bits) if isinstance(bits, tuple) else int(bits)


def in_range(image: "Image", content: bytes, intensities: IntensityRange) -> tuple["Image", str]:
    """A decoded image of more than 8 bits with its values in a declared range, and what was done, in words.

    Args:
        image: as Pillow decoded it.
        content: of the file.
        intensities: the declared range.

    Raises:
        UnknownValuesError: Pillow does not give the values of such pixels.
    """
    from PIL import Image, ImageOps

    values, alpha = _values(image, content)
    found = Image.fromarray(intensities.apply(values))
    cut = (values < intensities.low).any() or (values > intensities.high).any()
    change = f"values {intensities.words()} scaled to 8 bits{', others cut' if cut else ''}"
    if image.format == "TIFF" and image.getexif().get(PHOTOMETRIC) == WHITE_IS_ZERO:
        change += ", inverted, as white is 0"
        found = ImageOps.invert(found)
    if alpha is not None:
        found = found.convert("RGBA")
        found.putalpha(alpha)
    return found, change


def _values(image: "Image", content: bytes) -> "tuple[npt.NDArray[Any], Image | None]":
    """Values `[H, W]` or `[H, W, 3]` of the whole depth, and the transparency in 8 bits.

    Pillow keeps one byte of each value of 16 bits in colour. Decoded a second time as if the order of the
    bytes were the other one, the file gives the other byte.
    """
    import numpy as np

    if image.mode in _ONE_CHANNEL:
        return np.asarray(image), None
    raw, read = _second_look(content)
    if image.mode not in ("RGB", "RGBA") or read is None:
        raise UnknownValuesError(
            f"has pixels of kind {image.mode!r} in more than 8 bits, whose values cannot be read; save it in "
            "grey or RGB, as PNG or TIFF"
        )
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    upper, lower = np.asarray(image).astype(np.uint16), np.asarray(read).astype(np.uint16)
    if raw.startswith("LA"):  # read as four bytes: upper and lower one of grey, then of the transparency
        return lower[..., 0] * 256 + lower[..., 1], alpha
    return upper[..., :3] * 256 + lower[..., :3], alpha


def _second_look(content: bytes) -> "tuple[str, Image | None]":
    """How Pillow reads the bytes of a file, and its pixels with the other bytes; None where it cannot."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image: Any = Image.open(io.BytesIO(content))
        args = image.tile[0].args
        raw = args[0] if isinstance(args, tuple) else args
        other = "RGBA" if raw == "LA;16B" else raw[:-4] + _SWAPPED.get(raw[-4:], "")
        if raw[-4:] not in _SWAPPED or raw.startswith(("RGBa", "CMYK")):
            return raw, None
        image.tile = [
            tile._replace(args=(other, *args[1:]) if isinstance(args, tuple) else other)
            for tile in image.tile
            for args in [tile.args]
        ]
        image.load()
    return raw, image


def highest(image: "Image") -> int:
    """The largest value of grey or of a colour."""
    import numpy as np

    values = np.atleast_3d(np.asarray(image))
    return int(values[..., :3].max())


def unused_bits(most: int) -> str:
    """What is lost where the values of 16 bits end far below the largest one, as 12 bits of a scanner do."""
    used = int(most).bit_length()
    levels = (int(most) >> STORED_BITS) + 1
    if not 0 < used <= MOST_USED_BITS:
        return ""
    return (
        f", of which only {used} are used: at most {levels} of 256 levels are left; "
        f"`task.intensity_range: {{high: {2**used - 1}}}` keeps them"
    )


def scaled_to_8_bits(image: "Image") -> "Image":
    """16-bit grey → 8 bits: Pillow's own conversion would cut everything above 255."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8)).convert("RGB")
