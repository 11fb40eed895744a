"""What changed in the artifacts of two revisions: prepared rows, predictions and calibration."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from teacherspec.compare.by_output_type import COMPARE
from teacherspec.compare.paired_predictions import PreparedRows, SideArtifacts, Sides
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.compare.revision import Revision
from teacherspec.errors import DataError
from teacherspec.prepare.dataset_diff import Changes, compare_prepared
from teacherspec.run_records.recorded_artifact import UnavailableError
from teacherspec.splits import load_prepared
from teacherspec.tasks import parse_task

PREPARE, EVALUATE, CALIBRATE = "artifacts/prepare", "artifacts/evaluate", "artifacts/calibrate"
CALIBRATION = "calibration.json"

UNREADABLE = (DataError, KeyError, OSError)
"""Raised for an artifact that another version of this code wrote."""


@dataclass(frozen=True)
class ArtifactDiff:
    """The differences between the artifacts of two revisions.

    Attributes:
        same_predictions: predictions and calibration are the same bytes.
        predictions: paired tests, flips, classes and slices.
        same_data: the prepared rows are the same bytes.
        data: changes of the prepared rows; None where they are the same, or could not be compared.
    """

    same_predictions: bool
    predictions: PredictionDiff
    same_data: bool
    data: Changes | None


class ArtifactComparison:
    """Compares the artifacts of two revisions, as far as the cache or a remote has them."""

    def __init__(self, base: Revision, head: Revision, stack: ExitStack) -> None:
        """Nothing is read yet.

        Args:
            base: revision that is compared with.
            head: the other revision.
            stack: holds copies of artifacts until it is closed.
        """
        self.base, self.head, self.stack = base, head, stack
        self.not_compared: list[str] = []

    def compare(self) -> ArtifactDiff:
        """The differences; `not_compared` gets a sentence for everything that could not be compared."""
        same_data = self._is_same(PREPARE)
        data = None if same_data else self._compare_data()
        same_predictions = self._is_same(EVALUATE) and self._is_same(CALIBRATE)
        edited = frozenset() if data is None else frozenset((*data.edited, *data.relabelled))
        predictions = PredictionDiff() if same_predictions else self._compare_predictions(edited)
        if data is None and not same_data and not same_predictions:
            self.not_compared.append(
                "whether rows with the same id have the same content on both sides: rows are paired by id "
                "and label"
            )
        return ArtifactDiff(same_predictions, predictions, same_data, data)

    def _is_same(self, path: str) -> bool:
        return path in self.base.outs and self.base.outs[path] == self.head.outs.get(path)

    def _artifact(self, side: Revision, path: str) -> Path | None:
        try:
            return self.stack.enter_context(side.artifact(path))
        except UnavailableError as error:
            self.not_compared.append(str(error))
            return None

    def _compare_data(self) -> Changes | None:
        before, after = (self._artifact(side, PREPARE) for side in (self.base, self.head))
        if before is None or after is None:
            return None
        try:
            return compare_prepared(before, after)
        except UNREADABLE as error:
            self.not_compared.append(f"data: the prepared rows of a side cannot be read ({_short(error)})")
            return None

    def _compare_predictions(self, edited: frozenset[str]) -> PredictionDiff:
        before, after = (self._side(side) for side in (self.base, self.head))
        if before is None or after is None:
            return PredictionDiff()
        try:
            types = before.index.output_type, after.index.output_type
            if types[0] != types[1]:
                self.not_compared.append(
                    f"predictions: the output type of {before.name} is {types[0]}, of {after.name} {types[1]}"
                )
                return PredictionDiff()
            sides = Sides(before, after, edited, self._prepared_rows())
            self.not_compared += sides.missing_splits()
            return COMPARE[types[1]](sides, self.not_compared)
        except (*UNREADABLE, ValidationError) as error:
            self.not_compared.append(f"predictions: those of a side cannot be read ({_short(error)})")
            return PredictionDiff()

    def _side(self, side: Revision) -> SideArtifacts | None:
        folders = [self._artifact(side, path) for path in (EVALUATE, CALIBRATE)]
        if folders[0] is None or folders[1] is None:
            return None
        declared = side.params.get("evaluate") or {}
        return SideArtifacts(side.name, folders[0], folders[1] / CALIBRATION, declared)

    def _prepared_rows(self) -> PreparedRows | None:
        """The prepared rows of the head revision, where they are available."""
        name, folder = self.head.name, self._artifact(self.head, PREPARE)
        if folder is None:
            return None
        try:
            task = parse_task(json.dumps(self.head.params.get("task")))
            return PreparedRows(task, load_prepared(folder), self.stack)
        except ValidationError:
            self.not_compared.append(f"texts and slices: this code does not know the task of {name}")
        except UNREADABLE as error:
            self.not_compared.append(
                f"texts and slices: the prepared rows of {name} cannot be read ({_short(error)})"
            )
        return None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
