"""The state of every stage in words: up to date or why not, and the circumstances of its last run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teacherspec.run_records.dvc_yaml import LOCK, params_now, read_road
from teacherspec.run_records.environment import pins
from teacherspec.run_records.lock_check import agreement, read_lock
from teacherspec.run_records.receipt import hashes, read_record, receipt_path, record_path

MARKS = {"stale": "stale", "false": "UNTRUE"}


def status(root: Path) -> Iterator[str]:
    """One line a stage, and one for every reason it is not up to date.

    Raises:
        UserError: `dvc.yaml` or `dvc.lock` cannot be read.
    """
    road = read_road(root)
    lock = read_lock(root) if (root / LOCK).is_file() else {}
    findings = agreement(root) if lock else []
    for name, stage in road.items():
        own = [finding for finding in findings if finding.stage == name]
        kinds = {finding.kind for finding in own}
        mark = "never ran" if name not in lock else MARKS.get(max(kinds, default=""), "up to date")
        if "false" in kinds:
            mark = MARKS["false"]
        record = _record(root, name, lock.get(name, {}))
        declared = pins(params_now(stage, root))
        yield f"{name:10} {mark:10}  {_told(record, declared) if record else ''}".rstrip()
        if name in lock:
            yield from (f"             {finding.what}: {finding.problem}" for finding in own)
    yield from (str(finding) for finding in findings if finding.stage not in road)


def _record(root: Path, name: str, entry: Any) -> dict[str, Any] | None:
    """The circumstances of the run that the lock speaks of; None where they are of another."""
    record = read_record(root / record_path(name))
    made = record and record["receipt"] == hashes(entry.get("outs", ())).get(receipt_path(name))
    return record if made else None


def _told(record: dict[str, Any], declared: dict[str, str]) -> str:
    hardware = record["hardware"]
    place = hardware["accelerator"] if hardware["accelerator"] != "none" else hardware["cpu"]
    other = [
        f"{name} {ran}, declared {declared[name]}"
        for name, ran in record["libraries"].items()
        if declared.get(name, ran) != ran
    ]
    told = [record["level"], f"{record['seconds']['work']:.1f} s", place, f"{hardware['threads']} threads"]
    return ", ".join([*told, *other])
