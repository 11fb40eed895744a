"""What the page of a teacher is written from: the reports as they are, and the rows that they name."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from teacherspec.package.page.content import Cell, number, share_strip, signed_strip
from teacherspec.package.quality_gates import GateResult, Measurement, find
from teacherspec.package.stage_outputs import StageOutputs, Stages
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.package import Package
from teacherspec.tasks.shared.interfaces.kind import Kind

PREPARED = "prepare/metrics.json"
"""What `prepare` counted, among the reports."""

SWEEP = "temperatures.json"
"""The test split at each of many temperatures, which `calibrate` left next to the calibrator."""


@dataclass(frozen=True)
class PageInputs:
    """The declaration and what the earlier stages left.

    Attributes:
        task: the declared task.
        section: `params.yaml: package`.
        evaluating: `params.yaml: evaluate`.
        outputs: what the earlier stages reported.
        stages: where they left their work.
        gates: result of each gate.
    """

    task: Kind
    section: Package
    evaluating: Evaluate
    outputs: StageOutputs
    stages: Stages
    gates: Sequence[GateResult]

    @cached_property
    def reports(self) -> Mapping[str, Any]:
        """Stage → content of its `metrics.json`; empty for a stage that wrote none."""
        path = self.stages.reports / PREPARED
        return {**self.outputs.reports, "prepare": read_json(path) if path.is_file() else {}}

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the splits that a teacher is measured on, test first."""
        return ("test", *(split.name for split in self.outputs.prepared.of_role("shifted")))

    def find(self, metric: str) -> Measurement | None:
        """The number with this dotted name; None where no report holds it."""
        return find(self.reports, metric)

    def cell(self, metric: str, digits: int = 3) -> Cell:
        """The number with this dotted name, and its interval."""
        return number(self.find(metric), digits, metric)

    def share(self, metric: str, reference: float, digits: int = 3) -> Cell:
        """A share with a picture of its interval."""
        found = self.find(metric)
        return (
            self.cell(metric, digits)
            if found is None
            else share_strip(self.cell(metric, digits), found, reference)
        )

    def differences(self, metrics: Sequence[str], digits: int = 3) -> list[Cell]:
        """Differences with pictures of their intervals on one scale; signs are shown."""
        found = [self.find(metric) for metric in metrics]
        largest = max(
            (abs(end) for one in found if one for end in (one.low, one.value, one.high) if end is not None),
            default=0.0,
        )
        return [
            self.cell(metric, digits)
            if one is None
            else signed_strip(_with_sign(self.cell(metric, digits), one), one, largest)
            for metric, one in zip(metrics, found, strict=True)
        ]

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of a TSV among the reports; none where there is no such file."""
        return read_tsv(self.stages.reports / name)

    @cached_property
    def sweep(self) -> Sequence[Mapping[str, Any]]:
        """The test split at each temperature; empty where `calibrate` left none."""
        path = self.stages.calibrated / SWEEP
        return read_json(path) if path.is_file() else ()


def page_inputs(
    task: Kind,
    section: Package,
    spec: Mapping[str, Any],
    outputs: StageOutputs,
    stages: Stages,
    gates: Sequence[GateResult],
) -> PageInputs:
    """What the page is written from.

    Args:
        task: the declared task.
        section: `params.yaml: package`.
        spec: all sections, JSON-able.
        outputs: what the earlier stages reported.
        stages: where they left their work.
        gates: result of each gate.
    """
    evaluating = Evaluate.model_validate_json(json.dumps(spec.get("evaluate", {})))
    return PageInputs(task, section, evaluating, outputs, stages, gates)


def read_tsv(path: Path) -> list[dict[str, str]]:
    """Rows of a table that a stage wrote; none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _with_sign(cell: Cell, found: Measurement) -> Cell:
    return replace(cell, text=f"+{cell.text}") if found.value > 0 else cell
