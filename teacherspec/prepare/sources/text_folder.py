"""A folder of text files, one folder a class."""

from typing import ClassVar, Literal

from teacherspec.prepare.sources.base import Encoding
from teacherspec.prepare.sources.class_folders import ClassFolderSource
from teacherspec.tasks.columns.base import ColumnError


class TextFolderSource(ClassFolderSource):
    """`path/<label>/<file>`: each file is a text, its folder the label. Columns: `text`, `label`, `file`."""

    kind: Literal["text_folder"]
    """The format."""

    encoding: Encoding = "utf-8"
    """Character encoding of the files, by a name that Python knows (`utf-16`, `cp1252`, `shift_jis`)."""

    content: ClassVar[str] = "text"

    def value(self, content: bytes) -> str:
        """The text of a file. Raises `ColumnError`."""
        try:
            return content.decode(self.encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise ColumnError(f"is not {self.encoding.upper()} at byte {error.start + 1}") from error
