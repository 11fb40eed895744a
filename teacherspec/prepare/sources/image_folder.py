"""A folder of image files, one folder a class."""

from typing import ClassVar, Literal

from teacherspec.prepare.sources.class_folders import ClassFolderSource


class ImageFolderSource(ClassFolderSource):
    """`path/<label>/<file>`: each file is an image of this label. Columns: `image`, `label`, `file`."""

    kind: Literal["image_folder"]
    """The format."""

    content: ClassVar[str] = "image"

    def value(self, content: bytes) -> bytes:
        """The bytes of a file."""
        return content
