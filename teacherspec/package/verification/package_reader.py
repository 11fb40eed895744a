"""A package whose files are known and unchanged, opened for the checks that read it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.calibrators.fitted import Calibrator, parse_calibrator
from teacherspec.errors import UserError
from teacherspec.package.metadata import Metadata
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks import parse_task
from teacherspec.tasks.shared.interfaces.kind import Kind


@dataclass(frozen=True)
class OpenedPackage:
    """What a package contains.

    Attributes:
        folder: the package.
        metadata: `metadata.json`.
        spec: the declaration it was built from.
        task: the declared task.
        reports: stage → its packaged `metrics.json`.
    """

    folder: Path
    metadata: Metadata
    spec: Mapping[str, Any]
    task: Kind
    reports: Mapping[str, Any]

    def calibration(self) -> dict[str, Any]:
        """Content of `calibration.json`."""
        return load_calibration(self.folder)

    def calibrator(self) -> Calibrator:
        """The fitted calibrator."""
        return parse_calibrator(self.calibration()["calibrator"])

    def temperature(self) -> float:
        """The fitted temperature; 1 where none was fitted."""
        return float(self.calibration()["calibrator"].get("temperature", 1.0))


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


def open_package(folder: Path) -> OpenedPackage:
    """Read metadata, declaration and reports of a package.

    Raises:
        ValueError: they are not of this format.
    """
    spec, task = load_spec(folder)
    metadata = Metadata.model_validate_json((folder / "metadata.json").read_bytes())
    measured = {
        stage: folder / "eval" / stage / "metrics.json" for stage in ("evaluate", "calibrate", "ratings")
    }
    reports = {
        # Ratings exist only for teachers that generate text.
        stage: read_json(path) if stage != "ratings" or path.is_file() else {}
        for stage, path in measured.items()
    }
    return OpenedPackage(folder, metadata, spec, task, reports)
