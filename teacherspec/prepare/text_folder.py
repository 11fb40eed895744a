"""A folder of text files, one folder a class."""

from typing import ClassVar, Literal

from teacherspec.prepare.class_folders import ClassFolderSource
from teacherspec.tasks.fields import FieldError


class TextFolderSource(ClassFolderSource):
    """`path/<label>/<file>`: each file is a text, its folder the label. Columns: `text`, `label`, `file`."""

    kind: Literal["text_folder"]
    """The format."""

    content: ClassVar[str] = "text"

    def value(self, content: bytes) -> str:
        """The text of a file. Raises `FieldError`."""
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FieldError(f"is not UTF-8 at byte {error.start + 1}") from error
