"""What all kinds of data sources declare, and what those that read files declare."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from teacherspec.spec.prepare.path_rules import problem_of_declared_path, problem_of_url
from teacherspec.spec.prepare.split_names import BY_HASH, FIXED_SPLITS, TRANSFER
from teacherspec.spec.prepare.transforms import Transform
from teacherspec.spec.section import Section

COLUMN_IN_BRACES = re.compile(r"\{([^{}]+)\}")
"""A column name inside `NamedFiles.name`."""


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is not a text encoding that Python knows") from error
    return name


def _path_inside_repository(path: str) -> str:
    if problem := problem_of_declared_path(path):
        raise ValueError(problem)
    return path


Encoding = Annotated[str, AfterValidator(_known_encoding)]
RepositoryPath = Annotated[str, AfterValidator(_path_inside_repository)]
"""A path relative to the folder of the declaration, inside the repository."""


def _default_split(validated: Mapping[str, Any]) -> str:
    """Where rows of a source go that declares no `split`, from the fields before it."""
    return TRANSFER if validated.get("role") == TRANSFER else BY_HASH


class SourceBase(Section):
    """What every source declares."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Column of the task (or `id`) → column of the file, where the names differ."""

    other_columns: Literal["refuse", "ignore"] = "refuse"
    """What to do with columns that neither the task nor `keep_columns` uses."""

    ids: Literal["use", "ignore"] = "use"
    """Whether a column `id` names the rows; it must then be unique over all sources. `ignore`: ids are
    derived from the content, as without such a column."""

    transforms: tuple[Transform, ...] = ()
    """Changes to each row, in this order, before it is validated."""

    role: Literal["shifted", "ood", "external", "transfer"] | None = None
    """For any other split. `shifted`: the same labels, another distribution. `ood`: out of distribution,
    rows that belong to no label. `external`: a public benchmark, never stored; its contents are kept out of
    `train`, `validation` and `calibration`. `transfer`: rows without a label, for students only: the teacher
    predicts them, and they are always among its soft targets. A label that they have is not read."""

    split: str = Field(default_factory=_default_split, pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """`by_hash`: rows are distributed by `fractions`. `train`, `validation`, `calibration`, `test`: a
    ready-made split. Any other name: an additional set, with a `role`. Omit for `by_hash`, and for
    `transfer` where the role is that."""

    weight: float | None = Field(default=None, gt=0)
    """Weight in the mix of all sources that declare one: rows are used in proportion to the weights, as many
    as the scarcest source allows, up to sampling noise. An alternative to `share`."""

    share: float = Field(default=1.0, gt=0, le=1)
    """Fraction of the rows to use, to mix sources: the same rows for the same seed, whatever the other
    sources are."""

    rows_per_class: int | None = Field(default=None, ge=1)
    """Most rows of each class to use; the same rows for the same seed as long as the class keeps them."""

    @model_validator(mode="after")
    def _has_classes_to_sample(self) -> Self:
        if self.rows_per_class is not None and self.role == TRANSFER:
            raise ValueError("`rows_per_class` needs classes, which transfer rows have not: declare `share`")
        return self

    @model_validator(mode="after")
    def _is_mixed_one_way(self) -> Self:
        if self.weight is not None and self.share < 1:
            raise ValueError("`weight` and `share` both set how many rows to use: declare one of them")
        return self

    @model_validator(mode="after")
    def _ids_are_used(self) -> Self:
        if self.ids == "ignore" and "id" in self.columns:
            raise ValueError("`columns` names the column of ids, and `ids: ignore` ignores it: drop one")
        return self

    @model_validator(mode="after")
    def _role_fits_split(self) -> Self:
        fixed = self.split == BY_HASH or self.split in FIXED_SPLITS
        if fixed and self.role is not None:
            raise ValueError(f"split `{self.split}` has no role; name an additional set or drop `role`")
        if not fixed and self.role is None:
            known = ", ".join((BY_HASH, *FIXED_SPLITS))
            raise ValueError(
                f"split `{self.split}` needs a role: shifted, ood, external, transfer (without: {known})"
            )
        return self

    def local_paths(self) -> tuple[str, ...]:
        """The declared paths in the repository; a folder ends in `/`."""
        return ()


class NamedFiles(Section):
    """A column that names files, or columns that their names are built from, and where the files are."""

    column: str | None = None
    """Column of the table that contains the name of a file, or a list of names; relative to `folder` or as
    in the archive."""

    name: str | None = Field(default=None, min_length=1, max_length=1000)
    """Instead of `column`: the name, built from the values of columns, such as `images/{scene}-0.png`."""

    folder: str | None = None
    """Folder of the files, relative to the repository."""

    archive: str | None = None
    """Instead of `folder`: the tar (plain, `.gz`, `.zst`) or zip that contains the files, relative to the
    repository."""

    anywhere: bool = False
    """Find files by their base name alone, in any subfolder; the name must be unique."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes."""

    @field_validator("folder", "archive")
    @classmethod
    def _stays_inside(cls, path: str | None) -> str | None:
        return None if path is None else _path_inside_repository(path).rstrip("/")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.column is None) == (self.name is None):
            raise ValueError(
                "declare either `column`, which contains the names, or `name`, built from columns"
            )
        if (self.folder is None) == (self.archive is None):
            raise ValueError("declare either `folder` or `archive`: where the files are")
        if self.name is not None and not COLUMN_IN_BRACES.search(self.name):
            raise ValueError("`name` names no column in braces: every row would have the same file")
        return self

    def local_path(self) -> str:
        """The declared path in the repository; a folder ends in `/`."""
        return f"{self.folder}/" if self.archive is None else self.archive

    def name_columns(self) -> frozenset[str]:
        """Columns of the table that the names come from."""
        if self.name is not None:
            return frozenset(COLUMN_IN_BRACES.findall(self.name))
        return frozenset({str(self.column)})


class FileSource(SourceBase):
    """A file, or several by wildcard, inside the repository."""

    files: dict[str, NamedFiles] = Field(default_factory=dict)
    """New column → the files that its values are read from: for rows that name images instead of containing
    them."""

    path: str | None = None
    """File relative to the repository; `*`, `?` and `[…]` match several, read in the order of their names.
    Text files may be compressed (`.gz`, `.zst`)."""

    url: str | None = None
    """Instead of `path`: the address of one remote file: `https://…`, `s3://…`, `gs://…`, `abfs://…`,
    `hf://…` and others; never of this machine, and without secrets."""

    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of the file at `url`, 64 hexadecimal digits: an address can serve another file tomorrow."""

    @field_validator("path", "url")
    @classmethod
    def _is_valid(cls, given: str | None, info: ValidationInfo) -> str | None:
        problem_of = problem_of_declared_path if info.field_name == "path" else problem_of_url
        if given is not None and (problem := problem_of(given)):
            raise ValueError(problem)
        return given

    @model_validator(mode="after")
    def _is_one_location(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("declare either `path` or `url`")
        if (self.url is None) != (self.sha256 is None):
            raise ValueError("`url` and `sha256` belong together: the hash pins the content of the address")
        return self

    def local_paths(self) -> tuple[str, ...]:
        """The file or wildcard, and the folders or archives of named files."""
        own = () if self.path is None else (self.path,)
        return (*own, *(files.local_path() for files in self.files.values()))


class TextFileSource(FileSource):
    """A text file, read line by line."""

    max_line_bytes: int = Field(default=16 << 20, ge=1024, le=1 << 30)
    """Longest line in bytes; a longer one is refused without being read into memory."""

    encoding: Encoding = "utf-8"
    """Character encoding of the file, by a name that Python knows (`utf-16`, `cp1252`, `shift_jis`)."""
