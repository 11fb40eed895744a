"""What `params.yaml: prepare` may say: where rows come from and how they are cleaned and split."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

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
    ready-made split. Any other name: a further evaluation set, with a `role`."""

    role: Literal["shifted", "ood"] | None = None
    """For a further evaluation set only. `shifted`: the same labels, other texts. `ood`: out of
    distribution, rows that belong to no label."""

    @model_validator(mode="after")
    def _role_fits_split(self) -> Self:
        fixed = self.split == BY_HASH or self.split in FIXED_SPLITS
        if fixed and self.role is not None:
            raise ValueError(
                f"split `{self.split}` has no role; name a further evaluation set or drop `role`"
            )
        if not fixed and self.role is None:
            known = ", ".join((BY_HASH, *FIXED_SPLITS))
            raise ValueError(f"split `{self.split}` needs a role, shifted or ood (without role: {known})")
        return self


class FileSource(SourceBase):
    """A file, or several by wildcard, inside the repository."""

    counts_lines: ClassVar[bool] = True
    """Whether rows are found again by line number."""

    path: str
    """File relative to the repository; `*`, `?` and `[…]` match several, read in the order of their names."""

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
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> OpenTable:
        """Start reading one file, `name` in messages. Raises `DataError`."""


class TextFileSource(FileSource):
    """A text file, read line by line."""

    max_line_bytes: int = Field(default=16 << 20, ge=1024, le=1 << 30)
    """Longest line in bytes; a longer one is refused without being read into memory."""


class JsonlSource(TextFileSource):
    """JSON lines: one object a line."""

    kind: Literal["jsonl"]
    """The format."""

    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> OpenTable:  # noqa: ARG002
        """Start reading one file. Raises `DataError`."""
        return open_jsonl(name, TextLines(name, path.open("rb"), self.max_line_bytes))


class CsvSource(TextFileSource):
    """Delimiter-separated values with a header; every value stays text."""

    kind: Literal["csv"]
    """The format."""

    delimiter: str = Field(default=",", pattern=r"^[^\r\n\"]$")
    r"""The one character between fields; `"\t"` for TSV."""

    quoted: bool = True
    """Whether `"` around a field protects delimiters and line ends in it; false where `"` is plain text."""

    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> OpenTable:  # noqa: ARG002
        """Start reading one file. Raises `DataError`."""
        lines = TextLines(name, path.open("rb"), self.max_line_bytes)
        return open_delimited(name, lines, Dialect(self.delimiter, self.quoted), self.max_line_bytes)


class ParquetSource(FileSource):
    """Parquet."""

    kind: Literal["parquet"]
    """The format."""

    max_row_group_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """Largest row group in bytes when unpacked."""

    counts_lines: ClassVar[bool] = False

    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> OpenTable:
        """Start reading one file. Raises `DataError`."""
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

    def tables(self, root: Path) -> list[Table]:  # noqa: ARG002 - needs no folder
        """One table: the hub's split."""
        name = f"{self.dataset}@{self.revision[:12]}/{self.hub_split}"
        return [Table(name, counts_lines=False, open=partial(self._open, name))]

    def _open(self, name: str, wanted: Collection[str]) -> OpenTable:  # noqa: ARG002
        return open_hub(name, self.dataset, self.config, self.hub_split, self.revision)


Source = Annotated[JsonlSource | CsvSource | ParquetSource | HubSource, Field(discriminator="kind")]


class Fractions(Section):
    """How rows of `by_hash` sources are shared out; the four add up to 1."""

    train: float = Field(ge=0, le=1)
    """Share that fits the weights."""

    validation: float = Field(ge=0, le=1)
    """Share that chooses the checkpoint."""

    calibration: float = Field(ge=0, le=1)
    """Share that fits the calibrator."""

    test: float = Field(ge=0, le=1)
    """Share that everything is reported on; 0 where a source supplies the split ready-made."""

    def in_order(self) -> tuple[float, ...]:
        """The shares in the order of `FIXED_SPLITS`."""
        return (self.train, self.validation, self.calibration, self.test)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = sum(self.in_order())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the four fractions add up to {total:.6g}, not 1")
        return self


class MinimumRows(Section):
    """Fewest rows of each class that a split may have."""

    train: int = Field(default=2, ge=1)
    """Rows of each class in `train`: a class without any cannot be learned."""

    validation: int = Field(default=0, ge=0)
    """Rows of each class in `validation`."""

    calibration: int = Field(default=0, ge=0)
    """Rows of each class in `calibration`."""

    test: int = Field(default=1, ge=0)
    """Rows of each class in `test`: a class without any cannot be reported on."""

    def in_order(self) -> tuple[int, ...]:
        """The minimums in the order of `FIXED_SPLITS`."""
        return (self.train, self.validation, self.calibration, self.test)


class Prepare(Section):
    """Read, validate, clean and split the rows."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the split. Another seed shares the rows out anew; nothing else moves a row."""

    sources: tuple[Source, ...] = Field(min_length=1)
    """Where rows come from."""

    fractions: Fractions | None = None
    """Shares of the splits; needed exactly when a source is split `by_hash`."""

    keep_columns: tuple[str, ...] = ()
    """Further columns of the files to keep beside each row (texts or numbers), for slices in `evaluate`."""

    duplicates: Literal["drop", "refuse"] = "drop"
    """Rows with the same content and label in one split: keep one and count the rest, or refuse."""

    conflicts: Literal["refuse", "drop"] = "refuse"
    """Rows with the same content but another label in one split: refuse, or drop all of them and count."""

    leaks: Literal["drop", "refuse"] = "drop"
    """Content in more than one split. `drop`: it stays only in the split nearest to the report (`test`,
    then shifted and ood sets, `calibration`, `validation`, `train`), so `test` never loses a row."""

    min_rows_per_class: MinimumRows = MinimumRows()
    """Fewest rows of each class in each split."""

    @model_validator(mode="after")
    def _splits_are_supplied(self) -> Self:
        hashed = any(source.split == BY_HASH for source in self.sources)
        if hashed and self.fractions is None:
            raise ValueError("a source is split by_hash: declare `fractions`")
        if not hashed and self.fractions is not None:
            raise ValueError("no source is split by_hash: `fractions` has no use")
        given = {source.split for source in self.sources}
        shares = self.fractions.in_order() if self.fractions else (0.0,) * len(FIXED_SPLITS)
        missing = [
            name for name, share in zip(FIXED_SPLITS, shares, strict=True) if share == 0 and name not in given
        ]
        if missing:
            lost = ", ".join(missing)
            raise ValueError(
                f"no rows would reach {lost}: give a fraction above 0 or a source with that split"
            )
        roles = {(source.split, source.role) for source in self.sources}
        torn = sorted({split for split, _ in roles if len([s for s, _ in roles if s == split]) > 1})
        if torn:
            raise ValueError(f"the sources of {', '.join(torn)} disagree about its role")
        return self

    @field_validator("keep_columns")
    @classmethod
    def _are_free(cls, names: Sequence[str]) -> Sequence[str]:
        if len(set(names)) < len(names) or "id" in names:
            raise ValueError("names a column twice, or `id`, which is always kept")
        return names
