"""The artifacts of two teachers whose predictions for the same rows are compared, and these rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.calibrators.fitted import Calibrator, Temperature, parse_calibrator
from teacherspec.evaluate.content_features import RowContent, read_content
from teacherspec.metrics.scores.validation import IntArray
from teacherspec.predictions.index import PredictionIndex, load_index
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

TOO_FEW = "split {}: the two sides have too few rows in common"
ROLES = ("test", "shifted", "ood")
"""Roles of the splits that are compared."""


def positions_of(ids: Sequence[str], chosen: Sequence[str]) -> IntArray:
    """Positions of the chosen ids in `ids`."""
    position = {name: number for number, name in enumerate(ids)}
    return np.array([position[name] for name in chosen], dtype=np.int64)


@dataclass(frozen=True)
class SideArtifacts:
    """The artifacts of `evaluate` and `calibrate` of one side.

    Attributes:
        name: of the revision.
        predictions: folder that `evaluate` wrote.
        calibration: path of `calibration.json`.
        declared: section `evaluate` of its declaration, not validated.
    """

    name: str
    predictions: Path
    calibration: Path
    declared: Mapping[str, Any]

    @cached_property
    def index(self) -> PredictionIndex:
        """Index of the predictions. Raises `DataError`."""
        return load_index(self.predictions)

    @cached_property
    def calibration_file(self) -> Mapping[str, Any]:
        """Content of `calibration.json`."""
        found: Mapping[str, Any] = read_json(self.calibration)
        return found

    @cached_property
    def calibrator(self) -> Calibrator:
        """The fitted calibrator. Raises `ValidationError`."""
        return parse_calibrator(self.calibration_file["calibrator"])

    @property
    def temperature(self) -> float:
        """The fitted temperature; 1 where none was fitted. For output types without other calibrators."""
        return self.calibrator.temperature if isinstance(self.calibrator, Temperature) else 1.0


@dataclass(frozen=True)
class PreparedRows:
    """The prepared rows of the head revision.

    Attributes:
        task: that it declares.
        prepared: its splits.
        stack: closes what reading rows opens.
    """

    task: Kind
    prepared: Prepared
    stack: ExitStack

    def rows(self, split: str, ids: Sequence[str]) -> "Dataset":
        """The rows of a split with the given ids, in the order of the ids."""
        scratch = Path(self.stack.enter_context(TemporaryDirectory()))
        rows = open_split(self.prepared.splits[split], scratch)
        return rows.select(positions_of(rows["id"], ids))

    def content(self, split: str, ids: Sequence[str]) -> RowContent:
        """The content of the rows of a split with the given ids."""
        return read_content(self.task.row_schema(), self.rows(split, ids))


@dataclass(frozen=True)
class Sides:
    """Two teachers whose predictions are compared.

    Attributes:
        base: artifacts of the base revision.
        head: artifacts of the head revision.
        edited: ids of rows whose content or label differs between them.
        prepared: rows of the head revision; None where they are not available.
    """

    base: SideArtifacts
    head: SideArtifacts
    edited: frozenset[str]
    prepared: PreparedRows | None

    @property
    def both(self) -> tuple[SideArtifacts, SideArtifacts]:
        """Base and head."""
        return self.base, self.head

    def splits(self) -> Iterator[tuple[str, str]]:
        """Role and name of every compared split that both sides have."""
        for role in ROLES:
            before, after = (set(side.index.splits(role)) for side in self.both)
            yield from ((role, name) for name in sorted(before & after))

    def missing_splits(self) -> list[str]:
        """A sentence for every split that only one side has."""
        splits = [{name for role in ROLES for name in side.index.splits(role)} for side in self.both]
        return [
            f"split {name}: only {self.base.name if name in splits[0] else self.head.name} has it"
            for name in sorted(splits[0] ^ splits[1])
        ]

    def common(self, before: Sequence[str], after: Sequence[str]) -> list[str]:
        """Ids that both sides have with the same content, in the order of the head revision."""
        both = set(before).difference(self.edited)
        return [name for name in after if name in both]
