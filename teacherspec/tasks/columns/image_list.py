"""The rule of a column that holds one image or several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.columns.base import Column, ColumnError, shown
from teacherspec.tasks.columns.image import SKETCH_SIDE, ImageColumn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from PIL.Image import Image


@dataclass(frozen=True)
class ImageListColumn(Column):
    """Images in their order: a list, or one image alone; each is read and stored as `ImageColumn` says.

    Nearly the same are lists whose first images have nearly equal perceptual hashes and whose images, laid
    side by side, look alike.

    Attributes:
        most: images of a row at most.
        max_pixels: of an image, see `ImageColumn`.
    """

    most: int = 64
    max_pixels: int = 1 << 26

    near: ClassVar[bool] = True
    unit: ClassVar[str] = "bytes"
    is_text: ClassVar[bool] = False
    pictured: ClassVar[bool] = True
    signature_bytes: ClassVar[int] = ImageColumn.signature_bytes

    @property
    def _one(self) -> ImageColumn:
        return ImageColumn(self.name, self.max_pixels)

    def read(self, value: Any) -> list[bytes]:
        """The bytes to store of each image. Raises `ColumnError`, with the number of the image."""
        images = value if isinstance(value, list | tuple) else [value]
        if not 0 < len(images) <= self.most:
            raise ColumnError(f"must be 1 to {self.most} images (given {shown(value)})")
        return [self._told(number, image) for number, image in enumerate(images, start=1)]

    def _told(self, number: int, image: Any) -> bytes:
        try:
            return self._one.read(image)
        except ColumnError as error:
            raise ColumnError(f"image {number} {error}") from error

    def changes(self, value: Any) -> tuple[str, ...]:
        """What `read` changed of any of them, in words. Raises `ColumnError`."""
        images = value if isinstance(value, list | tuple) else [value]
        return tuple(dict.fromkeys(change for image in images for change in self._one.changes(image)))

    def key(self, value: Any) -> bytes:
        """The keys of the images, one after the other."""
        return b"".join(map(self._one.key, value))

    def storage(self) -> "pa.DataType":
        """A list of encoded bytes."""
        import pyarrow as pa

        return pa.list_(pa.binary())

    def to_json(self, value: Any) -> list[dict[str, str]]:
        """The bytes of each in base 64."""
        return [self._one.to_json(image) for image in value]

    def from_json(self, value: Any) -> list[Any]:
        """The bytes of what `to_json` wrote, or of files that paths name. Raises `ColumnError`."""
        return [self._one.from_json(image) for image in (value if isinstance(value, list) else [value])]

    def text(self, value: Any) -> str:
        """Their widths and heights."""
        return ", ".join(map(self._one.text, value))

    def size(self, value: Any) -> int:
        """Length of the stored bytes of all."""
        return sum(map(len, value))

    def signature(self, value: Any) -> bytes:
        """The perceptual hash of the first image."""
        return self._one.signature(value[0])

    def sketch(self, value: Any) -> "npt.NDArray[np.float32]":
        """Grey values of all images side by side, on 32 × 32 places."""
        import numpy as np
        from PIL import Image
        from PIL.Image import Resampling

        wide = np.concatenate([self._one.sketch(image) for image in value], axis=1)
        side = (SKETCH_SIDE, SKETCH_SIDE)
        return np.asarray(Image.fromarray(wide, "F").resize(side, Resampling.BOX), np.float32)

    def measures(self, value: Any) -> Mapping[str, int | str]:
        """How many there are, and the measures of the first."""
        return {"images": len(value), **self._one.measures(value[0])}

    def picture(self, value: Any, side: int) -> "Image":
        """A small copy of the first."""
        return self._one.picture(value[0], side)

    def pictures(self, value: Any, side: int) -> "Sequence[Image]":
        """Small copies of all."""
        return [self._one.picture(image, side) for image in value]
