"""A package whose files are known and unchanged, opened for the checks that read it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrators.fitted import Calibrator, parse_calibrator
from teacherspec.errors import UserError
from teacherspec.package.metadata import Metadata
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.package import Package
from teacherspec.tasks import parse_task
from teacherspec.tasks.shared.interfaces.kind import Kind


@dataclass(frozen=True)
class RowChoice:
    """Which soft targets of a package the model computes again.

    Drawn anew by whoever verifies: rows that were known beforehand could be left right and all others not.

    Attributes:
        seed: of the draw.
        every: whether all rows are computed again.
    """

    seed: int = field(default_factory=lambda: secrets.randbits(63))
    every: bool = False

    def places(self, split: str, rows: int, count: int) -> list[int]:
        """Places, sorted, of `count` of a split's `rows`; of all where `every` is set or there are fewer."""
        if self.every or count >= rows:
            return list(range(rows))
        draw = np.random.default_rng([self.seed, *split.encode()])
        return sorted(draw.choice(rows, count, replace=False).tolist())


@dataclass(frozen=True)
class OpenedPackage:
    """What a package contains.

    Attributes:
        folder: the package.
        metadata: `metadata.json`.
        spec: the declaration it was built from.
        section: its `package` section.
        task: the declared task.
        reports: stage → its packaged `metrics.json`.
        choice: which soft targets are computed again.
    """

    folder: Path
    metadata: Metadata
    spec: Mapping[str, Any]
    section: Package
    task: Kind
    reports: Mapping[str, Any]
    choice: RowChoice = field(default_factory=RowChoice)

    @cached_property
    def model_and_processor(self) -> tuple[Any, Any]:
        """The packaged model, on the processor, and its tokenizer or image processor; loaded once."""
        model, processor = self.task.load(self.folder / "model")
        return model, processor

    @cached_property
    def parameters(self) -> int:
        """Number of parameters of the packaged model."""
        return sum(parameter.numel() for parameter in self.model_and_processor[0].parameters())

    def calibration(self) -> dict[str, Any]:
        """Content of `calibration.json`."""
        return load_calibration(self.folder)

    def calibrator(self) -> Calibrator:
        """The fitted calibrator."""
        return parse_calibrator(self.calibration()["calibrator"])

    def temperature(self) -> float:
        """The fitted temperature; 1 where none was fitted."""
        return float(self.calibration()["calibrator"].get("temperature", 1.0))

    def rows_again(self, work: float, at_least: int) -> dict[str, list[int]]:
        """Places of the soft targets of each split that are computed again.

        Args:
            work: rows times parameters that a split may cost.
            at_least: rows of a split, however large the model.
        """
        count = max(at_least, int(work / max(1, self.parameters)))
        rows = self.metadata.soft_targets.rows
        found = {split: self.choice.places(split, stated, count) for split, stated in rows.items()}
        self.chosen.update(found)
        return found

    @cached_property
    def chosen(self) -> dict[str, list[int]]:
        """What `rows_again` gave."""
        return {}


def load_calibration(folder: Path) -> dict[str, Any]:
    """Content of `calibration.json` of the package in `folder`."""
    saved: dict[str, Any] = read_json(folder / "calibration/calibration.json")
    return saved


def load_spec(folder: Path) -> tuple[dict[str, Any], Kind]:
    """The declaration that the package in `folder` was built from, and its task."""
    spec: dict[str, Any] = read_json(folder / "provenance/spec.json")
    return spec, parse_task(json.dumps(spec["task"]))


def require_package(folder: Path) -> None:
    """Raise `UserError` where `folder` is not a package."""
    if not (folder / "metadata.json").is_file():
        raise UserError(f"{folder}: no teacher package (it has no metadata.json); give the folder of one")


def open_package(folder: Path, choice: RowChoice | None = None) -> OpenedPackage:
    """Read metadata, declaration and reports of a package.

    Args:
        folder: the package.
        choice: which soft targets are computed again; None for a draw of its own.

    Raises:
        ValueError: they are not of this format.
    """
    spec, task = load_spec(folder)
    metadata = Metadata.model_validate_json((folder / "metadata.json").read_bytes())
    measured = {
        stage: folder / "eval" / stage / "metrics.json"
        for stage in ("evaluate", "calibrate", "probe", "ratings")
    }
    reports = {
        # A teacher may have been probed or rated, or not.
        stage: read_json(path) if stage in ("evaluate", "calibrate") or path.is_file() else {}
        for stage, path in measured.items()
    }
    section = Package.model_validate_json(json.dumps(spec["package"]))
    return OpenedPackage(folder, metadata, spec, section, task, reports, choice or RowChoice())
