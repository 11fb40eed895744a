"""`params.yaml: prepare.sources`: the kinds of data sources. Their readers are in `prepare/sources/`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from teacherspec.spec.prepare.source_base import (
    Encoding,
    FileSource,
    RepositoryPath,
    SourceBase,
    TextFileSource,
)


class JsonlSource(TextFileSource):
    """JSON lines: one object a line."""

    kind: Literal["jsonl"]
    """The format."""


class CsvSource(TextFileSource):
    """Delimiter-separated values with a header; every value stays text."""

    kind: Literal["csv"]
    """The format."""

    delimiter: str = Field(default=",", pattern=r"^[^\r\n\"]$")
    r"""The one character between fields; `"\t"` for TSV."""

    quoted: bool = True
    """Whether `quote` around a field protects delimiters and line ends; false where it is plain text."""

    quote: str = Field(default='"', pattern=r"^[^\r\n]$")
    """The one character around such a field; written twice inside, it stands for itself."""

    escape: str | None = Field(default=None, pattern=r"^[^\r\n]$")
    r"""The one character that makes the next one literal (`"\\"` in database exports), instead of writing a
    quote inside a quoted field twice."""

    names: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Column names, for a file without a header."""

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        marks = [self.delimiter, *([self.quote] if self.quoted else []), *filter(None, [self.escape])]
        if len(set(marks)) < len(marks):
            raise ValueError("`delimiter`, `quote` and `escape` must be different characters")
        return self


class ParquetSource(FileSource):
    """Parquet."""

    kind: Literal["parquet"]
    """The format."""

    max_row_group_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """Largest row group in bytes when decompressed."""


class ArrowSource(FileSource):
    """Arrow IPC, file or stream: also the `.arrow` files of `Dataset.save_to_disk`."""

    kind: Literal["arrow"]
    """The format."""


class JsonDocumentSource(FileSource):
    """A list of rows in a JSON document: `{"train": [{"text": …}, …]}` or lists of values."""

    kind: Literal["json_document"]
    """The format."""

    rows: str = ""
    """Keys that lead to the list, with `.` between them; empty where the document is the list."""

    names: tuple[str, ...] | None = None
    """Column names, where each row is a list of values instead of an object."""

    encoding: Encoding = "utf-8"
    """Character encoding of the document, by a name that Python knows."""

    max_bytes: int = Field(default=256 << 20, ge=1024, le=1 << 31)
    """Largest document in bytes: it is read into memory at once."""


class ClassFolderSource(SourceBase):
    """`path/<label>/<file>`: the folder of a file is its label. The name of the file is the column `file`.

    Files of rows without a label (roles `transfer` and `ood`) may lie in `path` itself.
    """

    path: RepositoryPath
    """Folder relative to the repository."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes."""

    def local_paths(self) -> tuple[str, ...]:
        """The folder, as a prefix of all its files."""
        return (f"{self.path}/",)


class TextFolderSource(ClassFolderSource):
    """`path/<label>/<file>`: each file is a text, its folder the label. Columns: `text`, `label`, `file`."""

    kind: Literal["text_folder"]
    """The format."""

    encoding: Encoding = "utf-8"
    """Character encoding of the files, by a name that Python knows (`utf-16`, `cp1252`, `shift_jis`)."""


class ImageFolderSource(ClassFolderSource):
    """`path/<label>/<file>`: each file is an image of this label. Columns: `image`, `label`, `file`."""

    kind: Literal["image_folder"]
    """The format."""


class ImageArchiveSource(SourceBase):
    """Images in a tar (plain, `.gz`, `.zst`) or zip: `<folder>/<label>/<file>`.

    Columns: `image`, `label`, `file`. Rows without a label (roles `transfer` and `ood`) need no `<label>/`.
    """

    kind: Literal["image_archive"]
    """The format."""

    path: RepositoryPath
    """Archive relative to the repository; `*`, `?` and `[…]` match several, read in order of name."""

    folder: str = Field(default="", pattern=r"^([^/\\.][^/\\]*(/[^/\\.][^/\\]*)*)?$")
    """Folder of the archive that contains the folders of the classes; other folders are not read."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes when decompressed."""

    def local_paths(self) -> tuple[str, ...]:
        """The archive or wildcard."""
        return (self.path,)


class DigitsSource(SourceBase):
    """1,797 digits written by 43 people, as grey images of 8×8 pixels. Columns: `image`, `label`.

    The test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998,
    https://doi.org/10.24432/C50P49, CC BY 4.0), as scikit-learn's `load_digits` gives it.
    """

    kind: Literal["digits"]
    """The format."""


class HubDatasetSource(SourceBase):
    """A data set of the Hugging Face hub, at one commit."""

    kind: Literal["hub"]
    """The format."""

    dataset: str = Field(pattern=r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?$")
    """Name on the hub, `owner/name`."""

    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    """Commit, 40 hexadecimal digits: branches and tags move, commits do not."""

    config: str | None = None
    """Configuration of the data set, where it has several."""

    hub_split: str = "train"
    """The data set's own split to read."""


DataSource = Annotated[
    JsonlSource
    | CsvSource
    | ParquetSource
    | ArrowSource
    | JsonDocumentSource
    | TextFolderSource
    | ImageFolderSource
    | ImageArchiveSource
    | DigitsSource
    | HubDatasetSource,
    Field(discriminator="kind"),
]
"""The list of the kinds of sources; `prepare/sources/registry.py` has a reader for each."""
