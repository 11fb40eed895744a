"""Two teachers whose answers to the same rows are compared, and these rows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from teacherspec.calibrators.fitted import Calibrator, Temperature
from teacherspec.evaluate.content_features import RowContent, read_content
from teacherspec.metrics.validation import IntArray
from teacherspec.predictions.classification import PredictionIndex, load_index
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.base import Kind

if TYPE_CHECKING:
    from datasets import Dataset

TOO_FEW = "split {}: the two sides have too few rows in common"
ROLES = ("test", "shifted", "ood")
"""Roles of the splits that are compared."""


def places_of(ids: Sequence[str], chosen: Sequence[str]) -> IntArray:
    """Where the chosen of some ids stand."""
    place = {name: number for number, name in enumerate(ids)}
    return np.array([place[name] for name in chosen], dtype=np.int64)


@dataclass(frozen=True)
class Evaluated:
    """Where the artifacts of `evaluate` and `calibrate` of one side lie.

    Attributes:
        name: of the revision.
        predictions: folder that `evaluate` left.
        calibration: `calibration.json`.
        declared: its section `evaluate` of the declaration, not checked.
    """

    name: str
    predictions: Path
    calibration: Path
    declared: Mapping[str, Any]

    @cached_property
    def index(self) -> PredictionIndex:
        """What the predictions hold. Raises `DataError`."""
        return load_index(self.predictions)

    @cached_property
    def calibration_file(self) -> Mapping[str, Any]:
        """Content of `calibration.json`."""
        found: Mapping[str, Any] = read_json(self.calibration)
        return found

    @cached_property
    def calibrator(self) -> Calibrator:
        """The fitted one. Raises `ValidationError`."""
        saved = json.dumps(self.calibration_file["calibrator"])  # from Python values lists are no tuples
        return TypeAdapter[Calibrator](Calibrator).validate_json(saved)

    @property
    def temperature(self) -> float:
        """The fitted one; 1 where nothing was fitted. Only where no other calibrator is allowed."""
        return self.calibrator.temperature if isinstance(self.calibrator, Temperature) else 1.0


@dataclass(frozen=True)
class Contents:
    """The prepared rows of the other revision, as far as they are at hand."""

    task: Kind
    prepared: Prepared
    stack: ExitStack

    def rows(self, split: str, ids: Sequence[str]) -> "Dataset":
        """The rows of a split with these ids, in this order."""
        scratch = Path(self.stack.enter_context(TemporaryDirectory()))
        rows = open_split(self.prepared.splits[split], scratch)
        return rows.select(places_of(rows["id"], ids))

    def of(self, split: str, ids: Sequence[str]) -> RowContent:
        """What these rows hold."""
        return read_content(self.task.row_schema(), self.rows(split, ids))


@dataclass(frozen=True)
class Sides:
    """Two teachers whose answers are compared.

    Attributes:
        base: of the base revision.
        head: of the other.
        edited: ids of rows whose content or answer differs between them.
        contents: rows of the other; None where they are not at hand.
    """

    base: Evaluated
    head: Evaluated
    edited: frozenset[str]
    contents: Contents | None

    @property
    def both(self) -> tuple[Evaluated, Evaluated]:
        """Base and head."""
        return self.base, self.head

    def splits(self) -> Iterator[tuple[str, str]]:
        """Role and name of every split that both have and that is compared."""
        for role in ROLES:
            before, after = (set(side.index.splits(role)) for side in self.both)
            yield from ((role, name) for name in sorted(before & after))

    def missing_splits(self) -> list[str]:
        """A sentence for every split that only one has."""
        splits = [{name for role in ROLES for name in side.index.splits(role)} for side in self.both]
        return [
            f"split {name}: only {self.base.name if name in splits[0] else self.head.name} has it"
            for name in sorted(splits[0] ^ splits[1])
        ]

    def common(self, before: Sequence[str], after: Sequence[str]) -> list[str]:
        """Ids that both sides have with the same content, in the order of the other revision."""
        both = set(before).difference(self.edited)
        return [name for name in after if name in both]
