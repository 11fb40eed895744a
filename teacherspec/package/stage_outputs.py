"""Outputs of the earlier stages that the package is made from, read once and checked to belong together."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.errors import DataError, UserError
from teacherspec.package.model_export import label_names
from teacherspec.package.quality_gates import Measurement, find
from teacherspec.predictions.index import load_index
from teacherspec.runtime.atomic_io import read_json
from teacherspec.splits import Prepared, load_prepared

PLOT = "calibrate/plots/reliability.png"
"""The picture of the card, among the reports."""

CLASSES = "evaluate/plots/classes.tsv"
"""Quality of each class, among the reports; only classification has it."""

LABELS = "calibrate/plots/labels.tsv"
"""Quality and calibration of each label, among the reports; only multi-label teachers have it."""

TYPES = "evaluate/plots/types.tsv"
"""Quality of each type of entity, among the reports; only token classification has it."""

RATINGS = "ratings/metrics.json"
"""Results of the human evaluation, among the reports."""

PROBED, LIFT_PLOT = "probe/metrics.json", "probe/plots/lift.png"
"""What the teacher is worth to students, and its picture."""

SLICES = "calibrate/plots/slices.tsv"
"""Calibration of each slice, which only classification has."""

PAGE = "teacher.html"
"""The page of the teacher, among the reports."""

STUDENT = "check_rows/student.json"
"""The comparison with the declared student, among the reports; empty without one."""

REPORTS = ("evaluate/findings.json", "evaluate/metrics.json", "calibrate/metrics.json", PLOT)
"""Reports that go into `eval/` of a package, one folder a stage."""

OPTIONAL_REPORTS = (CLASSES, LABELS, LIFT_PLOT, PROBED, RATINGS, SLICES, TYPES)
"""Reports that go there where they exist."""


@dataclass(frozen=True)
class Stages:
    """Folders of the earlier stages.

    Attributes:
        artifacts: folder with one folder of artifacts a stage, named like it.
        reports: folder with one folder of reports a stage.
    """

    artifacts: Path
    reports: Path

    @property
    def page(self) -> Path:
        """The page of the teacher, which `package` writes."""
        return self.reports / PAGE

    @property
    def prepared(self) -> Path:
        """The splits."""
        return self.artifacts / "prepare"

    @property
    def finetuned(self) -> Path:
        """The model, and how it was trained."""
        return self.artifacts / "finetune"

    @property
    def evaluated(self) -> Path:
        """The predictions."""
        return self.artifacts / "evaluate"

    @property
    def calibrated(self) -> Path:
        """The calibrator."""
        return self.artifacts / "calibrate"


@dataclass(frozen=True)
class StageOutputs:
    """Reports and records of the earlier stages.

    Attributes:
        prepared: the splits.
        training: `training.json` of `finetune`.
        manifest: the base's manifest.
        calibration: `calibration.json`.
        reports: `evaluate`, `calibrate`, `probe` and `ratings` → their `metrics.json`; without students or
            ratings an empty one.
        findings: sentences of `evaluate`: `kind` (`strength`, `weakness`, `blind_spot`), `sentence`, ….
        student: the comparison with the declared student; empty without one.
        classes: one mapping a class: `label`, `support`, `recall`, `recall_low`, …; None where undefined,
            and empty for other types of output.
        labels: one mapping a label of a multi-label teacher: `label`, `rows`, `threshold`, `f1`, ….
        types: one mapping a type of entity: `type`, `entities`, `f1`, …; empty for other types of output.
    """

    prepared: Prepared
    training: Mapping[str, Any]
    manifest: Mapping[str, Any]
    calibration: Mapping[str, Any]
    reports: Mapping[str, Any]
    findings: Sequence[Mapping[str, Any]]
    classes: Sequence[Mapping[str, Any]]
    student: Mapping[str, Any]
    labels: Sequence[Mapping[str, Any]] = ()
    types: Sequence[Mapping[str, Any]] = ()

    def number(self, metric: str) -> Measurement:
        """The number with this dotted name.

        Raises:
            UserError: no report holds it.
        """
        found = find(self.reports, metric)
        if found is None:
            stage = metric.partition(".")[0]
            raise UserError(
                f"reports/{stage}/metrics.json: holds no finite `{metric}`; run the stage `{stage}` again"
            )
        return found


def load_stage_outputs(stages: Stages) -> StageOutputs:
    """Read and cross-check what the stages left.

    Raises:
        UserError: a file is missing, or two stages have different labels or splits.
    """
    reports = stages.reports
    texts = {
        "training": stages.finetuned / "training.json",
        "calibration": stages.calibrated / "calibration.json",
        "manifest": reports / "base/manifest.json",
        "evaluate": reports / "evaluate/metrics.json",
        "findings": reports / "evaluate/findings.json",
        "calibrate": reports / "calibrate/metrics.json",
    }
    classes = reports / CLASSES
    optional = {"probe": reports / PROBED, "ratings": reports / RATINGS}
    needed = (*texts.values(), reports / PLOT)
    missing = [f"{path}: not found; run `dvc repro`" for path in needed if not path.is_file()]
    if missing:
        raise UserError(missing)
    prepared = load_prepared(stages.prepared)
    _require_agreement(prepared, stages)
    found = {name: read_json(path) for name, path in texts.items()}
    return StageOutputs(
        prepared=prepared,
        training=found["training"],
        manifest=found["manifest"],
        calibration=found["calibration"],
        reports={
            "evaluate": found["evaluate"],
            "calibrate": found["calibrate"],
            **{name: read_json(path) if path.is_file() else {} for name, path in optional.items()},
        },
        findings=found["findings"],
        classes=read_classes(classes),
        student=read_student(reports),
        labels=read_classes(reports / LABELS),
        types=read_types(reports / TYPES),
    )


def read_student(reports: Path) -> dict[str, Any]:
    """The comparison with the declared student, below a folder of reports; empty where there is none."""
    return read_json(reports / STUDENT) if (reports / STUDENT).is_file() else {}


def _require_agreement(prepared: Prepared, stages: Stages) -> None:
    """The same label names in data, predictions and model, in the same order; the same splits predicted."""
    index = load_index(stages.evaluated)
    in_model = label_names(read_json(stages.finetuned / "model/config.json"))
    for place, names in ((stages.evaluated, index.label_names), (stages.finetuned, in_model)):
        if names != prepared.label_names:
            raise DataError(f"{place}: label names differ from those of {stages.prepared}; run `dvc repro`")
    if dict(index.rows) != {name: split.rows for name, split in prepared.splits.items()}:
        raise DataError(
            f"{stages.evaluated}: predictions of other splits than {stages.prepared}; run `dvc repro`"
        )


def read_classes(path: Path) -> list[dict[str, Any]]:
    """Quality of each class, from the table at `path`; empty where there is none."""
    return [_class(row) for row in _read_tsv(path)] if path.is_file() else []


def read_types(path: Path) -> list[dict[str, Any]]:
    """Quality of each type of entity, from the table at `path`; empty where there is none."""
    rows = _read_tsv(path) if path.is_file() else []
    return [{**_numbers(row, "type"), "type": row["type"]} for row in rows]


def _read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _class(row: Mapping[str, str]) -> dict[str, Any]:
    return {"label": row["label"], **_numbers(row, "label")}


def _numbers(row: Mapping[str, str], title: str) -> dict[str, float | None]:
    return {name: float(cell) if cell else None for name, cell in row.items() if name != title}
