"""The teachers of a repository as a table: verdict, gates, quality, state of the build, released version."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from teacherspec.compare.gate_changes import checked_gates
from teacherspec.compare.reported_numbers import reports_of
from teacherspec.compare.revision import find_revision
from teacherspec.errors import UserError
from teacherspec.package.card.readiness import verdict
from teacherspec.package.quality_gates import Measurement, find
from teacherspec.release.git_dvc import git
from teacherspec.release.preflight import tag_of
from teacherspec.run_records.dvc_yaml import LOCK
from teacherspec.run_records.lock_check import check_lock
from teacherspec.run_records.teachers import refuse_incomplete, teachers

QUALITY = ("accuracy", "image_to_text.recall_at_1", "nll")
"""Names of the number that stands for a teacher on the test split: the first that is reported."""

NEVER = "not built"


@dataclass(frozen=True)
class Listed:
    """One teacher.

    Attributes:
        name: of its folder; `.` for that of the root.
        verdict: `ready` or `not ready` by the reports in git; `not built` without any.
        gates: passed and declared.
        metric: that stands for its quality on the test split; empty where none is reported.
        quality: of that metric.
        gain: in that metric over the untrained base.
        state: `up to date`, `stale: …` with the stages, or what prevents an answer.
        version: of the newest release; empty without one.
    """

    name: str
    verdict: str
    gates: tuple[int, int]
    metric: str
    quality: Measurement | None
    gain: Measurement | None
    state: str
    version: str


def list_teachers(root: Path) -> list[Listed]:
    """All teachers of the repository at `root`, by the files in git.

    Raises:
        UserError: it has none.
    """
    found = teachers(root)
    if not found:
        raise UserError(f"{root}: has no teacher; begin with `teacherspec init`")
    rows = []
    for name, folder in found.items():
        with chdir(root / folder):
            rows.append(_listed(name))
    return rows


def _listed(name: str) -> Listed:
    """The teacher in the current folder."""
    here = find_revision(None)
    try:
        reports, gates = reports_of(here), list(checked_gates(here).values())
    except (UserError, ValidationError) as error:
        return Listed(name, "unknown", (0, 0), "", None, None, str(error).splitlines()[0], "")
    is_built = Path(LOCK).is_file() and bool(reports)
    metric = next((one for one in QUALITY if find(reports, f"evaluate.test.{one}")), "")
    return Listed(
        name,
        verdict(gates) if is_built else NEVER,
        (sum(gate.passed for gate in gates), len(gates)),
        metric,
        find(reports, f"evaluate.test.{metric}"),
        find(reports, f"evaluate.gain.test.{metric}"),
        _state(),
        _newest_version(),
    )


def _state() -> str:
    """Of the build in the current folder."""
    try:
        refuse_incomplete()
        if not LOCK.is_file():
            return NEVER
        findings = check_lock()
    except UserError as error:
        return error.problems[0]
    for kind, word in (("inconsistent", "INCONSISTENT"), ("stale", "stale")):
        if stages := dict.fromkeys(finding.stage for finding in findings if finding.kind == kind):
            return f"{word}: {', '.join(stages)}"
    return "up to date"


def _newest_version() -> str:
    """The newest released version of the teacher in the current folder."""
    try:
        tags = git("tag", "--list", tag_of("v*"), "--sort=-v:refname").split()
    except UserError:  # no git repository yet
        return ""
    return tags[0].rpartition("@")[2] if tags else ""


def as_json(rows: Sequence[Listed]) -> list[dict[str, Any]]:
    """One mapping for each teacher."""
    return [
        {
            "name": row.name,
            "verdict": row.verdict,
            "gates": {"passed": row.gates[0], "declared": row.gates[1]},
            "metric": row.metric or None,
            "quality": _as_json(row.quality),
            "gain": _as_json(row.gain),
            "state": row.state,
            "version": row.version or None,
        }
        for row in rows
    ]


def _as_json(number: Measurement | None) -> Mapping[str, float | None] | None:
    return None if number is None else {"value": number.value, "low": number.low, "high": number.high}


HEADER = ("teacher", "verdict", "gates", "quality on test", "gain over base", "state", "version")


def as_rows(rows: Sequence[Listed]) -> Iterator[tuple[str, ...]]:
    """The cells of the table for a person."""
    yield HEADER
    for row in rows:
        is_built = row.verdict != NEVER
        yield (
            row.name,
            row.verdict.upper() if row.verdict == "ready" else row.verdict,
            f"{row.gates[0]} of {row.gates[1]}" if is_built else "",
            f"{row.metric} {row.quality}" if row.quality else "",
            str(row.gain or ""),
            row.state,
            row.version,
        )
