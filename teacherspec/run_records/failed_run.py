"""What a failed stage leaves: DVC removes the outputs of a stage before it runs.

Reports are in git, small, and shown in pull requests: those that `dvc.lock` records are put back. Artifacts
are in the cache: they are named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_hashing import files_of, md5_of
from teacherspec.run_records.dvc_lock import read_lock
from teacherspec.run_records.dvc_yaml import DeclaredStage, declared_stages
from teacherspec.run_records.receipt import hashes
from teacherspec.runtime.atomic_io import write_bytes


@dataclass(frozen=True)
class BeforeRun:
    """What a failed stage may have removed.

    Attributes:
        reports: report in git that `dvc.lock` records → its files and their bytes.
        artifacts: outputs in the workspace that are in the cache.
    """

    reports: Mapping[str, Mapping[Path, bytes]]
    artifacts: tuple[str, ...]


def before_run(root: Path) -> BeforeRun:
    """Reports and artifacts of the project at `root` now."""
    recorded, stages = _recorded(root), _stages(root).values()
    reports = {
        out: {path: path.read_bytes() for path in _files(root / out, root)}
        for stage in stages
        for out in stage.in_git
        if out in recorded and md5_of(root / out, root) == recorded[out]
    }
    artifacts = [out for stage in stages for out in stage.cached if out in recorded and (root / out).exists()]
    return BeforeRun(reports, tuple(artifacts))


def after_failure(root: Path, before: BeforeRun) -> list[str]:
    """Put back the reports that `dvc.lock` still records.

    Args:
        root: of the project.
        before: what was there before the run.

    Returns:
        What was put back and which artifacts are gone, a line each.
    """
    recorded = _recorded(root)
    restored = []
    for out, files in before.reports.items():
        if recorded.get(out) is None or md5_of(root / out, root) == recorded[out]:
            continue
        for path in _files(root / out, root):
            if path not in files:
                path.unlink()
        for path, content in files.items():
            write_bytes(path, content)
        if md5_of(root / out, root) == recorded[out]:
            restored.append(out)
    gone = [out for out in before.artifacts if not (root / out).exists()]
    lines = [f"put back, as dvc.lock records them: {', '.join(restored)}"] if restored else []
    if gone:
        names = " ".join(gone)
        lines.append(f"not in the workspace: {', '.join(gone)}; the last version: dvc checkout -f {names}")
    return lines


def _recorded(root: Path) -> dict[str, str]:
    try:
        return {
            path: md5 for entry in read_lock(root).values() for path, md5 in hashes(entry["outs"]).items()
        }
    except (UserError, KeyError):  # nothing was built yet, or a person must resolve a conflict first
        return {}


def _stages(root: Path) -> dict[str, DeclaredStage]:
    try:
        return declared_stages(root)
    except UserError:  # DVC says the same
        return {}


def _files(path: Path, root: Path) -> list[Path]:
    return [path] if path.is_file() else list(files_of(path, root))
