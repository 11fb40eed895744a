"""The state of every stage as lines of text: up to date or why not, and the environment of its last run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teacherspec.run_records.dvc_lock import read_lock
from teacherspec.run_records.dvc_yaml import LOCK, declared_stages, params_now
from teacherspec.run_records.environment import pins
from teacherspec.run_records.lock_check import check_lock
from teacherspec.run_records.receipt import hashes, read_record, receipt_path, record_path


def status(root: Path) -> Iterator[str]:
    """One line for each stage, and one for every reason why it is not up to date.

    Raises:
        UserError: `dvc.yaml` or `dvc.lock` cannot be read.
    """
    stages = declared_stages(root)
    lock = read_lock(root) if (root / LOCK).is_file() else {}
    findings = check_lock(root) if lock else []
    for name, stage in stages.items():
        own = [finding for finding in findings if finding.stage == name]
        record = _record(root, name, lock.get(name, {}))
        run = _run(record, pins(params_now(stage, root))) if record else ""
        state = _state({finding.kind for finding in own}) if name in lock else "never ran"
        yield f"{name:10} {state:12}  {run}".rstrip()
        if name in lock:
            yield from (f"{'':25}{finding.what}: {finding.problem}" for finding in own)
    yield from (str(finding) for finding in findings if finding.stage not in stages)


def _state(kinds: set[str]) -> str:
    if "inconsistent" in kinds:
        return "INCONSISTENT"
    return "stale" if kinds else "up to date"


def _record(root: Path, name: str, entry: Any) -> dict[str, Any] | None:
    """The environment of the run that the lock records; None where the file belongs to another run."""
    record = read_record(root / record_path(name))
    is_of_run = record and record["receipt"] == hashes(entry.get("outs", ())).get(receipt_path(name))
    return record if is_of_run else None


def _run(record: dict[str, Any], declared: dict[str, str]) -> str:
    hardware = record["hardware"]
    device = hardware["accelerator"] if hardware["accelerator"] != "none" else hardware["cpu"]
    other_versions = [
        f"{name} {ran}, declared {declared[name]}"
        for name, ran in record["libraries"].items()
        if declared.get(name, ran) != ran
    ]
    seconds, threads = f"{record['seconds']['work']:.1f} s", f"{hardware['threads']} threads"
    return ", ".join([record["level"], seconds, device, threads, *other_versions])
