"""Whether `dvc.lock`, code, params and committed reports agree: from git alone, without data or cache."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from teacherspec.run_records.data_pointers import tracked_md5
from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.dvc_lock import RERUN, read_lock
from teacherspec.run_records.dvc_yaml import (
    DVC_YAML,
    LOCK,
    MISSING,
    DeclaredStage,
    declared_stages,
    params_now,
)
from teacherspec.run_records.folder_contents import contents_of_run, folder_contents
from teacherspec.run_records.receipt import (
    hashes,
    read_record,
    receipt_md5,
    receipt_of_lock,
    receipt_path,
    record_path,
)
from teacherspec.run_records.report_agreement import disagreements
from teacherspec.runtime.merge_conflicts import line_of_conflict

PREDICTIONS = "artifacts/evaluate"

MEASURERS = (("evaluate", "outs"), ("calibrate", "deps"))
"""Stages that measure the predictions, and where their entries name them."""

Kind = Literal["stale", "inconsistent"]


@dataclass(frozen=True)
class Finding:
    """A disagreement between the repository and `dvc.lock`.

    Attributes:
        stage: that it concerns.
        kind: `stale`: an input changed since the last run, and `teacherspec repro` brings it up to date;
            `inconsistent`: the lock or a committed report holds something that no run wrote.
        what: file, param or entry.
        problem: what is wrong with it, and what to do.
    """

    stage: str
    kind: Kind
    what: str
    problem: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.what}: {self.problem}"


def check_lock(root: Path = Path()) -> list[Finding]:
    """Every disagreement, in the order of the pipeline.

    Raises:
        UserError: `dvc.yaml` or `dvc.lock` cannot be read at all.
    """
    stages, lock = declared_stages(root), read_lock(root)
    found = [
        Finding(name, "inconsistent", f"{LOCK}", f"{DVC_YAML} has no such stage; {RERUN}")
        for name in lock
        if name not in stages
    ]
    producers = {out: name for name, stage in stages.items() for out in stage.outs}
    sources = {dep for stage in stages.values() for dep in stage.deps if dep not in producers}
    md5s = {dep: tracked_md5(root, dep) or md5_of(root / dep, root) for dep in sources}
    for name, stage in stages.items():
        if name not in lock:
            found.append(Finding(name, "stale", str(LOCK), f"the stage never ran; {RERUN}"))
            continue
        entry = lock[name]
        of_stage = [
            *_changed_declaration(stage, entry),
            *_changed_params(stage, entry, root),
            *_changed_sources(stage, entry, md5s, root),
            *_mixed_runs(stage, entry, lock, producers),
            *_edited_reports(stage, entry, root),
            *_wrong_receipt(stage, entry),
            *_unreadable_record(stage, root),
        ]
        found += [*_frozen(stage), *of_stage] if of_stage else []
    return [*found, *_contradictions(lock, root)]


def _contradictions(lock: Mapping[str, Any], root: Path) -> Iterator[Finding]:
    """Reports that contradict each other, where both stages measured the same predictions."""
    measured = [hashes(lock.get(stage, {}).get(kind, ())).get(PREDICTIONS) for stage, kind in MEASURERS]
    if measured[0] is not None and measured[0] == measured[1]:
        for path, problem in disagreements(root):
            advice = "one of them was edited; score again from the predictions (docs/gitops.md)"
            yield Finding(path.parts[1], "inconsistent", str(path), f"{problem}; {advice}")


def _frozen(stage: DeclaredStage) -> Iterator[Finding]:
    """Why the advice of the other findings has no effect.

    `dvc repro --force` does not run it either, but writes the hashes of its new inputs into the lock.
    """
    if stage.frozen:
        problem = f"DVC never runs a frozen stage; run `dvc unfreeze {stage.name}` first"
        yield Finding(stage.name, "stale", f"{DVC_YAML}: frozen", problem)


def _changed_declaration(stage: DeclaredStage, entry: Mapping[str, Any]) -> Iterator[Finding]:
    if entry.get("cmd") != stage.command:
        yield Finding(stage.name, "stale", f"{DVC_YAML}: cmd", f"changed since the last run; {RERUN}")
    for kind, declared in (("deps", stage.deps), ("outs", stage.outs)):
        recorded = hashes(entry.get(kind, ()))
        for path in declared:
            if path not in recorded:
                yield Finding(
                    stage.name, "stale", path, f"among the {kind} of {DVC_YAML}, not of {LOCK}; {RERUN}"
                )
        for path in recorded:
            if path not in declared:
                # DVC itself never reruns a stage for this.
                yield Finding(
                    stage.name,
                    "stale",
                    path,
                    f"among the {kind} of {LOCK}, no longer of {DVC_YAML}; "
                    f"run `dvc repro -f -s {stage.name}`",
                )


def _changed_params(stage: DeclaredStage, entry: Mapping[str, Any], root: Path) -> Iterator[Finding]:
    now, then = params_now(stage, root), entry.get("params", {})
    for file, keys in stage.params.items():
        for key in keys or {**then.get(file, {}), **now.get(file, {})}:
            new, old = now.get(file, {}).get(key, MISSING), then.get(file, {}).get(key, MISSING)
            for path, was, became in differing(key, old, new):
                change = f"{_shown(was)} → {_shown(became)} since the last run; {RERUN}"
                yield Finding(stage.name, "stale", f"{file}: {path}", change)


def differing(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """The leaves in which two params differ, by `==` as DVC compares them: path, old, new."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from differing(f"{key}.{name}", old.get(name, MISSING), new.get(name, MISSING))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differing(f"{key}[{index}]", *pair)
    elif old is MISSING or new is MISSING or old != new:
        yield key, old, new


def _shown(value: Any) -> str:
    return "nothing" if value is MISSING else str(value)


def _changed_sources(
    stage: DeclaredStage, entry: Mapping[str, Any], md5s: Mapping[str, str | None], root: Path
) -> Iterator[Finding]:
    """Code and data that changed since the run.

    Args:
        stage: as declared.
        entry: of `dvc.lock`.
        md5s: hash of each dependency that no stage writes; None where it does not exist.
        root: of the repository.
    """
    recorded = hashes(entry.get("deps", ()))
    for dep in stage.deps:
        if dep not in recorded or dep not in md5s or md5s[dep] == recorded[dep]:
            continue
        if md5s[dep] is None:
            yield Finding(stage.name, "stale", dep, "the dependency does not exist; restore it from git")
        else:
            for path in _changed_files(dep, recorded[dep], root) or [dep]:
                yield Finding(stage.name, "stale", path, f"changed since the last run; {RERUN}")


def _changed_files(folder: str, recorded: str, root: Path) -> list[str]:
    """The files in which a folder differs from the last run; none where git does not have its files."""
    if not (root / folder).is_dir():
        return []
    of_run = contents_of_run(folder, recorded, root=root)
    return of_run.changed(folder_contents(folder, root=root)) if of_run else []


def _mixed_runs(
    stage: DeclaredStage, entry: Mapping[str, Any], lock: Mapping[str, Any], producers: Mapping[str, str]
) -> Iterator[Finding]:
    """Outputs of earlier stages that the stage read in another version than the lock records for them.

    That is how every run of single stages leaves the later ones, as `teacherspec repro calibrate` does. Two
    runs that a merge mixed in one entry are found by its receipt.

    Args:
        stage: as declared.
        entry: of `dvc.lock`.
        lock: all entries.
        producers: output → stage that writes it.
    """
    recorded = hashes(entry.get("deps", ()))
    for dep in stage.deps:
        producer = producers.get(dep, "")
        written = hashes(lock.get(producer, {}).get("outs", ())).get(dep)
        if dep in recorded and written is not None and written != recorded[dep]:
            yield Finding(
                stage.name,
                "stale",
                dep,
                f"{producer} left another one since; {RERUN}",
            )


def _edited_reports(stage: DeclaredStage, entry: Mapping[str, Any], root: Path) -> Iterator[Finding]:
    recorded = hashes(entry.get("outs", ()))
    for out in stage.in_git:
        now = md5_of(root / out, root)
        if out not in recorded:
            continue
        if now is None:
            yield Finding(
                stage.name,
                "inconsistent",
                out,
                f"deleted, and {LOCK} names it; restore it from git or {RERUN}",
            )
        elif now != recorded[out]:
            problem = _conflict(root / out) or "not what the stage wrote, as after an edit by hand"
            yield Finding(stage.name, "inconsistent", out, f"{problem}; restore it from git or {RERUN}")


def _conflict(report: Path) -> str | None:
    """Names the files of a report that hold an unresolved conflict; None where none does."""
    files = sorted(report.rglob("*")) if report.is_dir() else [report]
    texts = {path: path.read_bytes().decode(errors="replace") for path in files if path.is_file()}
    marked = [
        path.relative_to(report.parent).as_posix() for path, text in texts.items() if line_of_conflict(text)
    ]
    return f"holds an unresolved conflict ({', '.join(marked)})" if marked else None


def _unreadable_record(stage: DeclaredStage, root: Path) -> Iterator[Finding]:
    """No hash covers the environment of a run, so a conflict in its file could be committed unnoticed."""
    if (path := root / record_path(stage.name)).is_file() and read_record(path) is None:
        problem = "not JSON, as with an unresolved conflict; `git checkout --ours` or restore it from git"
        yield Finding(stage.name, "inconsistent", record_path(stage.name).as_posix(), problem)


def _wrong_receipt(stage: DeclaredStage, entry: Mapping[str, Any]) -> Iterator[Finding]:
    own = receipt_path(stage.name)
    recorded = hashes(entry.get("outs", ())).get(own)
    if recorded is not None and recorded != receipt_md5(receipt_of_lock(stage.name, entry)):
        yield Finding(
            stage.name,
            "inconsistent",
            f"{LOCK}: stages.{stage.name}",
            "no run wrote this entry: merged, edited or committed by hand; "
            f"run `dvc repro -f -s {stage.name}`",
        )
