"""A package whose files are known and unchanged, opened for the checks that read it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.package.metadata import Metadata
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks import parse_task
from teacherspec.tasks.base import Kind


@dataclass(frozen=True)
class OpenedPackage:
    """What a package says of itself.

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


def open_package(folder: Path) -> OpenedPackage:
    """Read metadata, declaration and reports of a package.

    Raises:
        ValueError: they are not of this format.
    """
    spec = read_json(folder / "provenance/spec.json")
    task = parse_task(json.dumps(spec["task"]))
    metadata = Metadata.model_validate_json((folder / "metadata.json").read_bytes())
    measured = {
        stage: folder / "eval" / stage / "metrics.json" for stage in ("evaluate", "calibrate", "ratings")
    }
    reports = {
        # The last is there where the road ends in answers that people can rate.
        stage: read_json(path) if stage != "ratings" or path.is_file() else {}
        for stage, path in measured.items()
    }
    return OpenedPackage(folder, metadata, spec, task, reports)
