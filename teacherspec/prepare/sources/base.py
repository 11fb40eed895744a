"""What every kind of source declares and answers."""

from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from teacherspec.prepare.row_types import OpenTable, Table
from teacherspec.prepare.sources.file_columns import NamedFiles, with_files
from teacherspec.prepare.sources.path_checks import problem_of_path, resolve
from teacherspec.prepare.sources.remote_files import fetched, problem_of_url
from teacherspec.prepare.transforms import Transform
from teacherspec.spec.section import Section

BY_HASH = "by_hash"
FIXED_SPLITS = ("train", "validation", "calibration", "test")


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is no text encoding that Python knows") from error
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]


class SourceBase(Section):
    """What every source declares."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Column of the task (or `id`) → column of the file, where the names differ."""

    other_columns: Literal["refuse", "ignore"] = "refuse"
    """What to do with columns that neither the task nor `keep_columns` uses."""

    transforms: tuple[Transform, ...] = ()
    """Changes to each row, in this order, before it is checked."""

    split: str = Field(default=BY_HASH, pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """`by_hash`: rows are shared out by `fractions`. `train`, `validation`, `calibration`, `test`: a
    ready-made split. Any other name: a further set, with a `role`."""

    role: Literal["shifted", "ood", "external"] | None = None
    """For any other split. `shifted`: the same labels, other texts. `ood`: out of distribution, rows that
    belong to no label. `external`: somebody else's benchmark, never stored; what it holds is kept out of
    `train`, `validation` and `calibration`."""

    weight: float | None = Field(default=None, gt=0)
    """Weight in the mix of all sources that have one: so many rows to the others' weights, in the largest mix
    that the rows read allow, up to the chance of a random draw. In place of `share`."""

    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the rows to use, to mix sources: the same rows for the same seed, whatever else there is."""

    rows_per_class: int | None = Field(default=None, ge=1)
    """Most rows of each class to use; the same ones for the same seed as long as the class keeps them."""

    @model_validator(mode="after")
    def _is_mixed_one_way(self) -> Self:
        if self.weight is not None and self.share < 1:
            raise ValueError("`weight` and `share` both say how many rows to use: declare one of them")
        return self

    @model_validator(mode="after")
    def _role_fits_split(self) -> Self:
        fixed = self.split == BY_HASH or self.split in FIXED_SPLITS
        if fixed and self.role is not None:
            raise ValueError(f"split `{self.split}` has no role; name a further set or drop `role`")
        if not fixed and self.role is None:
            known = ", ".join((BY_HASH, *FIXED_SPLITS))
            raise ValueError(f"split `{self.split}` needs a role: shifted, ood, external (without: {known})")
        return self

    @abstractmethod
    def tables(self, root: Path) -> list[Table]:
        """The tables of this source in the repository `root`. Raises `DataError`."""

    def local_paths(self) -> tuple[str, ...]:
        """What the source reads in the repository."""
        return ()


class FileSource(SourceBase):
    """A file, or several by wildcard, inside the repository."""

    counts_lines: ClassVar[bool] = True
    """Whether rows are found again by line number."""

    files: dict[str, NamedFiles] = Field(default_factory=dict)
    """New column → which files its values are read from: for rows that name images, not hold them."""

    path: str | None = None
    """File relative to the repository; `*`, `?` and `[…]` match several, read in the order of their names.
    Text files may be packed (`.gz`, `.zst`)."""

    url: str | None = None
    """In place of `path`: the address of one file elsewhere: `https://…`, `s3://…`, whatever fsspec reads."""

    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of the file at `url`, 64 hexadecimal digits: addresses keep, their files change."""

    @field_validator("path", "url")
    @classmethod
    def _is_sound(cls, given: str | None, info: ValidationInfo) -> str | None:
        judge = problem_of_path if info.field_name == "path" else problem_of_url
        if given is not None and (problem := judge(given)):
            raise ValueError(problem)
        return given

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("declare either `path` or `url`")
        if (self.url is None) != (self.sha256 is None):
            raise ValueError("`url` and `sha256` belong together: the hash pins what the address gives")
        return self

    def local_paths(self) -> tuple[str, ...]:
        """The file or wildcard, and the folders or archives of named files."""
        own = () if self.path is None else (self.path,)
        return (*own, *(files.local_path() for files in self.files.values()))

    def tables(self, root: Path) -> list[Table]:
        """One table a file. Raises `DataError`."""
        if self.path is not None:
            files = [(str(path.relative_to(root)), path) for path in resolve(root, self.path)]
        else:
            files = [(str(self.url), fetched(root, str(self.url), str(self.sha256)))]
        return [Table(name, self.counts_lines, partial(self._open, root, name, path)) for name, path in files]

    @contextmanager
    def _open(self, root: Path, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
        named = frozenset[str]().union(*(files.columns() for files in self.files.values()))
        with ExitStack() as stack:
            places = {new: stack.enter_context(files.place(root)) for new, files in self.files.items()}
            opened = stack.enter_context(self.open_file(name, path, {*wanted, *named}))
            yield with_files(opened, self.files, places, named - set(wanted))

    @abstractmethod
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> AbstractContextManager[OpenTable]:
        """Read one file, called `name` in messages. Raises `DataError`."""


class TextFileSource(FileSource):
    """A text file, read line by line."""

    max_line_bytes: int = Field(default=16 << 20, ge=1024, le=1 << 30)
    """Longest line in bytes; a longer one is refused without being read into memory."""

    encoding: Encoding = "utf-8"
    """Character encoding of the file, by a name that Python knows (`utf-16`, `cp1252`, `shift_jis`)."""
