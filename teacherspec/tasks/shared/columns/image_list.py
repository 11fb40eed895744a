"""The column that holds one image or several."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.shared.columns.base import ColumnError, VisualColumn, shown
from teacherspec.tasks.shared.columns.image import GREY_SIDE, ImageColumn
from teacherspec.tasks.shared.high_bit_images import IntensityRange

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from PIL.Image import Image


@dataclass(frozen=True)
class ImageListColumn(VisualColumn):
    """Images in their order: a list, or one image alone; each is read and stored like an `ImageColumn`.

    Lists are nearly equal if the perceptual hashes of their first images are, and the grey thumbnails of
    all their images side by side.

    Attributes:
        max_images: most images of a row.
        max_pixels: of an image, see `ImageColumn`.
        intensities: of the images, see `ImageColumn`.
    """

    max_images: int = 64
    max_pixels: int = 1 << 26
    intensities: IntensityRange | None = None

    unit: ClassVar[str] = "bytes"
    hash_bytes: ClassVar[int] = ImageColumn.hash_bytes

    @property
    def _image(self) -> ImageColumn:
        return ImageColumn(self.name, self.max_pixels, self.intensities)

    def read(self, value: Any) -> list[bytes]:
        """The bytes to store of each image. Raises `ColumnError`, with the number of the image."""
        images = value if isinstance(value, list | tuple) else [value]
        if value is None or not images:
            keep_if = f"{self.name} != null && size({self.name}) > 0"
            raise ColumnError(
                f"has no image (given {shown(value)}); give one, or leave such rows out: "
                f"`transforms: [{{kind: filter, keep_if: {keep_if}}}]`"
            )
        if len(images) > self.max_images:
            raise ColumnError(f"must be 1 to {self.max_images} images (given {shown(value)})")
        return [self._read_image(number, image) for number, image in enumerate(images, start=1)]

    def _read_image(self, number: int, image: Any) -> bytes:
        try:
            return self._image.read(image)
        except ColumnError as error:
            raise ColumnError(f"image {number} {error}") from error

    def changes(self, value: Any) -> tuple[str, ...]:
        """What `read` changed of any of them, in words. Raises `ColumnError`."""
        images = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return tuple(dict.fromkeys(change for image in images for change in self._image.changes(image)))

    def key(self, value: Any) -> bytes:
        """The keys of the images, one after the other."""
        return b"".join(map(self._image.key, value))

    def arrow_type(self) -> "pa.DataType":
        """A list of encoded bytes."""
        import pyarrow as pa

        return pa.list_(pa.binary())

    def to_json(self, value: Any) -> list[dict[str, str]]:
        """The bytes of each in base 64."""
        return [self._image.to_json(image) for image in value]

    def from_json(self, value: Any) -> list[bytes]:
        """The bytes in base 64 as `to_json` writes them. Raises `ColumnError`."""
        if not isinstance(value, list):
            raise ColumnError(f"must be a list of images (given {shown(value)})")
        return [self._image.from_json(image) for image in value]

    def opened(self, value: Any) -> list[Any]:
        """Each image as bytes or in base 64, or the file at a path. Raises `ColumnError`."""
        return [self._image.opened(image) for image in (value if isinstance(value, list) else [value])]

    def text(self, value: Any) -> str:
        """Their widths and heights."""
        return ", ".join(map(self._image.text, value))

    def size(self, value: Any) -> int:
        """Length of the stored bytes of all."""
        return sum(map(len, value))

    def perceptual_hash(self, value: Any) -> bytes:
        """The perceptual hash of the first image."""
        return self._image.perceptual_hash(value[0])

    def grey_thumbnail(self, value: Any) -> "npt.NDArray[np.float32]":
        """Grey values `[32, 32]` of all images side by side, shrunk."""
        import numpy as np
        from PIL import Image
        from PIL.Image import Resampling

        wide = np.concatenate([self._image.grey_thumbnail(image) for image in value], axis=1)
        side = (GREY_SIDE, GREY_SIDE)
        return np.asarray(Image.fromarray(wide, "F").resize(side, Resampling.BOX), np.float32)

    def properties(self, value: Any) -> Mapping[str, int | str]:
        """The number of images, and the properties of the first."""
        return {"images": len(value), **self._image.properties(value[0])}

    def thumbnails(self, value: Any, side: int) -> "Iterator[Image]":
        """Small copies of all images."""
        for image in value:
            yield from self._image.thumbnails(image, side)
