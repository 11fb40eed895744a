"""The kinds of sources that `params.yaml: prepare.sources` may name; each opens its own tables."""

from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.prepare.bytestream import open_bytes
from teacherspec.prepare.delimited import Dialect, open_delimited
from teacherspec.prepare.hub import open_hub
from teacherspec.prepare.jsonl import open_jsonl
from teacherspec.prepare.lines import TextLines
from teacherspec.prepare.parquet import open_parquet
from teacherspec.prepare.paths import problem_of_path, resolve
from teacherspec.prepare.rows import OpenTable, Table
from teacherspec.section import Section

BY_HASH = "by_hash"
FIXED_SPLITS = ("train", "validation", "calibration", "test")


class SourceBase(Section):
    """What every source declares."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Column of the task (or `id`) → column of the file, where the names differ."""

    other_columns: Literal["refuse", "ignore"] = "refuse"
    """What to do with columns that neither the task nor `keep_columns` uses."""

    split: str = Field(default=BY_HASH, pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """`by_hash`: rows are shared out by `fractions`. `train`, `validation`, `calibration`, `test`: a
    ready-made split. Any other name: a further set, with a `role`."""

    role: Literal["shifted", "ood", "external"] | None = None
    """For any other split. `shifted`: the same labels, other texts. `ood`: out of distribution, rows that
    belong to no label. `external`: somebody else's benchmark, never stored; what it holds is kept out of
    `train`, `validation` and `calibration`."""

    @model_validator(mode="after")
    def _role_fits_split(self) -> Self:
        fixed = self.split == BY_HASH or self.split in FIXED_SPLITS
        if fixed and self.role is not None:
            raise ValueError(
                f"split `{self.split}` has no role; name a further evaluation set or drop `role`"
            )
        if not fixed and self.role is None:
            known = ", ".join((BY_HASH, *FIXED_SPLITS))
            raise ValueError(f"split `{self.split}` needs a role: shifted, ood, external (without: {known})")
        return self


class FileSource(SourceBase):
    """A file, or several by wildcard, inside the repository."""

    counts_lines: ClassVar[bool] = True
    """Whether rows are found again by line number."""

    path: str
    """File relative to the repository; `*`, `?` and `[…]` match several, read in the order of their names.
    Text files may be packed (`.gz`, `.zst`)."""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if problem := problem_of_path(path):
            raise ValueError(problem)
        return path

    def tables(self, root: Path) -> list[Table]:
        """One table a file. Raises `DataError`."""
        files = [(str(path.relative_to(root)), path) for path in resolve(root, self.path)]
        return [Table(name, self.counts_lines, partial(self.open_file, name, path)) for name, path in files]

    @abstractmethod
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> AbstractContextManager[OpenTable]:
        """Read one file, called `name` in messages. Raises `DataError`."""


class TextFileSource(FileSource):
    """A text file, read line by line."""

    max_line_bytes: int = Field(default=16 << 20, ge=1024, le=1 << 30)
    """Longest line in bytes; a longer one is refused without being read into memory."""

    encoding: str = "utf-8"
    """Character encoding of the file, by a name that Python knows (`utf-16`, `cp1252`, `shift_jis`)."""

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError(
                f"{encoding!r} is no text encoding; see the standard encodings of Python"
            ) from error
        return encoding


class JsonlSource(TextFileSource):
    """JSON lines: one object a line."""

    kind: Literal["jsonl"]
    """The format."""

    @contextmanager
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
        """Read one file. Raises `DataError`."""
        with open_bytes(name, path, self.encoding) as stream:
            yield open_jsonl(name, TextLines(name, stream, self.max_line_bytes))


class CsvSource(TextFileSource):
    """Delimiter-separated values with a header; every value stays text."""

    kind: Literal["csv"]
    """The format."""

    delimiter: str = Field(default=",", pattern=r"^[^\r\n\"]$")
    r"""The one character between fields; `"\t"` for TSV."""

    quoted: bool = True
    """Whether `"` around a field protects delimiters and line ends in it; false where `"` is plain text."""

    @contextmanager
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
        """Read one file. Raises `DataError`."""
        with open_bytes(name, path, self.encoding) as stream:
            lines = TextLines(name, stream, self.max_line_bytes)
            yield open_delimited(name, lines, Dialect(self.delimiter, self.quoted), self.max_line_bytes)


class ParquetSource(FileSource):
    """Parquet."""

    kind: Literal["parquet"]
    """The format."""

    max_row_group_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """Largest row group in bytes when unpacked."""

    counts_lines: ClassVar[bool] = False

    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> AbstractContextManager[OpenTable]:
        """Read one file. Raises `DataError`."""
        return open_parquet(name, path, wanted, self.max_row_group_bytes)


class HubSource(SourceBase):
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

    def tables(self, root: Path) -> list[Table]:
        """One table: the hub's split."""
        name = f"{self.dataset}@{self.revision[:12]}/{self.hub_split}"
        return [Table(name, counts_lines=False, open=partial(self._open, name))]

    @contextmanager
    def _open(self, name: str, wanted: Collection[str]) -> Iterator[OpenTable]:
        yield open_hub(name, self.dataset, self.config, self.hub_split, self.revision)


Source = Annotated[JsonlSource | CsvSource | ParquetSource | HubSource, Field(discriminator="kind")]
