"""`params.yaml: prepare`: where rows come from and how they are cleaned and split."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.prepare.path_rules import problem_of_declared_path
from teacherspec.spec.prepare.sources import DataSource
from teacherspec.spec.prepare.split_names import BY_HASH, FIXED_SPLITS
from teacherspec.spec.section import Section


class Policy(NamedTuple):
    """What is done with the rows of a finding.

    Attributes:
        action: `drop`, `refuse` or `keep`.
        declared: the key of `prepare` that declares it.
    """

    action: str
    declared: str


class Fractions(Section):
    """How rows of `by_hash` sources are distributed; the four add up to 1."""

    train: float = Field(ge=0, le=1)
    """Fraction that fits the weights."""

    validation: float = Field(ge=0, le=1)
    """Fraction that chooses the checkpoint."""

    calibration: float = Field(ge=0, le=1)
    """Fraction that fits the calibrator."""

    test: float = Field(ge=0, le=1)
    """Fraction that all results are reported on; 0 where a source supplies the split ready-made."""

    def in_order(self) -> tuple[float, ...]:
        """The fractions in the order of `FIXED_SPLITS`."""
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


class NearDuplicates(Section):
    """What counts as near-duplicate content, and what is done with it."""

    similarity: float = Field(default=0.8, ge=0.5, le=1)
    """Two texts are near duplicates from this Jaccard index of their sets of five-character shingles."""

    image_similarity: float = Field(default=0.9, ge=0.75, le=1)
    """Two images are near duplicates from this fraction of equal bits of their 256-bit perceptual hashes: at
    0.9 a smaller, recompressed, brighter or grey copy is one; a crop or a mirror image is not."""

    across_splits: Literal["drop", "refuse", "keep"] = "drop"
    """Near duplicates in two splits: drop them from the split further from the report, refuse, or only count
    them."""

    within_split: Literal["keep", "drop", "refuse"] = "keep"
    """Near duplicates with the same label in one split: only count them, keep one of them, or refuse."""


class Prepare(Section):
    """Read, validate, clean and split the rows."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the split. Another seed distributes the rows anew; nothing else moves a row."""

    data: str
    """Folder that contains every file of the sources; `dvc.yaml` declares it as a dependency."""

    sources: tuple[DataSource, ...] = Field(min_length=1)
    """Where rows come from."""

    fractions: Fractions | None = None
    """Fractions of the splits; required exactly when a source is split `by_hash`."""

    # Left out of what packages record where it is not declared: they keep the bytes that they had without it.
    stratify_labels: bool = Field(default=False, exclude_if=lambda stratify: not stratify)
    """Give each split its share of every label, where rows may have several (iterative stratification,
    Sechidis et al. 2011), for labels that few rows have. A row's split then depends on the other rows: rows
    that are added later may move others, from test into train too."""

    keep_columns: tuple[str, ...] = ()
    """Additional columns of the files to keep with each row (texts or numbers), for slices in `evaluate`."""

    duplicates: Literal["drop", "refuse"] = "drop"
    """Rows with the same content and label in one split: keep one and count the rest, or refuse."""

    conflicts: Literal["refuse", "drop"] = "refuse"
    """Rows with the same content but another label in one split: refuse, or drop all of them and count."""

    leaks: Literal["drop", "refuse"] = "drop"
    """Content in more than one split. `drop`: it stays only in the split nearest to the report (`test`,
    then shifted and ood sets, `calibration`, `validation`, `train`), so `test` never loses a row."""

    near_duplicates: NearDuplicates | None = NearDuplicates()
    """Search for near duplicates; null to skip it."""

    compare: Literal["normalised", "exact"] = "normalised"
    """When texts are the same content. `normalised`: Unicode NFC, case folded, white space as one space.
    `exact`: only equal characters, where case or indentation decides the class."""

    group: str | None = None
    """Column of the files whose value keeps rows together (a user, a conversation, a document): a group
    lies in one split, decided by its own hash in place of the content's."""

    no_group: tuple[str, ...] = ()
    """Values of `group` that stand for no group, such as `unknown`; an empty text also for null. Each such
    row is on its own: its content decides its split."""

    folds: int | None = Field(default=None, ge=2, le=100)
    """Number of folds for cross-fitting: adds the column `fold` to `train`, from the hash of content or
    group."""

    on_error: Literal["refuse", "quarantine"] = "refuse"
    """Invalid rows: report all at once and stop, or write them to `quarantine.jsonl` and count them. A file
    that cannot be read at all is always refused."""

    max_quarantined: float = Field(default=0.01, gt=0, lt=1)
    """Largest fraction of the rows read that may be quarantined; more is refused."""

    min_rows_per_class: MinimumRows = MinimumRows()
    """Fewest rows of each class in each split."""

    def policies(self) -> dict[str, Policy]:
        """What is done with the rows of each kind of finding."""
        near = self.near_duplicates
        return {
            "duplicates": Policy(self.duplicates, "duplicates"),
            "leaks": Policy(self.leaks, "leaks"),
            "group_leaks": Policy(self.leaks, "leaks"),
            "conflicts": Policy(self.conflicts, "conflicts"),
            "near_leaks": Policy(near.across_splits if near else "keep", "near_duplicates.across_splits"),
            "near_duplicates": Policy(near.within_split if near else "keep", "near_duplicates.within_split"),
        }

    @model_validator(mode="after")
    def _splits_are_supplied(self) -> Self:
        hashed = any(source.split == BY_HASH for source in self.sources)
        if hashed and self.fractions is None:
            raise ValueError("a source is split by_hash: declare `fractions`")
        if not hashed and self.fractions is not None:
            raise ValueError("no source is split by_hash: drop `fractions`")
        if not hashed and self.stratify_labels:
            raise ValueError("no source is split by_hash: drop `stratify_labels`")
        given = {source.split for source in self.sources}
        shares = self.fractions.in_order() if self.fractions else (0.0,) * len(FIXED_SPLITS)
        missing = [
            name for name, share in zip(FIXED_SPLITS, shares, strict=True) if share == 0 and name not in given
        ]
        if missing:
            names = ", ".join(missing)
            raise ValueError(
                f"no rows would reach {names}: give a fraction above 0 or a source with that split"
            )
        roles = {(source.split, source.role) for source in self.sources}
        disagreeing = sorted({split for split, _ in roles if len([s for s, _ in roles if s == split]) > 1})
        if disagreeing:
            raise ValueError(f"the sources of {', '.join(disagreeing)} declare different roles for it")
        return self

    @model_validator(mode="after")
    def _has_groups(self) -> Self:
        if self.no_group and self.group is None:
            raise ValueError("`no_group` names values of `group`: declare `group`, or drop it")
        return self

    @field_validator("data")
    @classmethod
    def _is_a_plain_folder(cls, data: str) -> str:
        if problem := problem_of_declared_path(data):
            raise ValueError(problem)
        return data.rstrip("/")

    @model_validator(mode="after")
    def _sources_lie_in_data(self) -> Self:
        paths = [path for source in self.sources for path in source.local_paths()]
        outside = [path for path in paths if not f"{path}/".startswith(f"{self.data}/")]
        if outside:
            raise ValueError(
                f"{', '.join(outside)} is outside `data: {self.data}`, where DVC would not track it"
            )
        return self

    @field_validator("keep_columns")
    @classmethod
    def _are_free(cls, names: Sequence[str]) -> Sequence[str]:
        if len(set(names)) < len(names) or "id" in names:
            raise ValueError("lists a column twice, or `id`, which is always kept")
        return names
