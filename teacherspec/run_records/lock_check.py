"""Whether `dvc.lock`, code, params and committed reports agree: from git alone, without data or cache."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from teacherspec.errors import UserError
from teacherspec.road.links import CODE
from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.dvc_yaml import (
    LOCK,
    MISSING,
    ROAD,
    DeclaredStage,
    params_now,
    read_road,
    read_yaml,
)
from teacherspec.run_records.folder_contents import behind, behind_run
from teacherspec.run_records.receipt import (
    hashes,
    read_record,
    receipt_of_lock,
    receipt_path,
    record_path,
    seal,
)

Kind = Literal["stale", "false"]


@dataclass(frozen=True)
class Finding:
    """Something in which the repository and `dvc.lock` disagree.

    Attributes:
        stage: that it concerns.
        kind: `stale`, an input changed since the last run, which `teacherspec repro` mends; `false`, the
            lock or a committed report says what no run gave.
        what: file, param or entry.
        problem: what is wrong with it, and what to do.
    """

    stage: str
    kind: Kind
    what: str
    problem: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.what}: {self.problem}"


RERUN = "run `python -m teacherspec repro`"


def agreement(root: Path = Path()) -> list[Finding]:
    """Every disagreement, in the order of the road.

    Raises:
        UserError: `dvc.yaml` or `dvc.lock` cannot be read at all.
    """
    road, lock = read_road(root), read_lock(root)
    producers = {out: name for name, stage in road.items() for out in stage.outs}
    found = [
        Finding(name, "false", f"{LOCK}", f"{ROAD} has no such stage; {RERUN}")
        for name in lock
        if name not in road
    ]
    for name, stage in road.items():
        if name not in lock:
            found.append(Finding(name, "stale", str(LOCK), f"the stage never ran; {RERUN}"))
            continue
        entry = lock[name]
        found += _changed_declaration(stage, entry)
        found += _changed_params(stage, entry, root)
        found += _changed_deps(stage, entry, lock, producers, root)
        found += _false_reports(stage, entry, root)
        found += _broken_seal(stage, entry)
        found += _unreadable_record(stage, root)
    return found


def read_lock(root: Path = Path()) -> dict[str, Any]:
    """Stage → its entry of `dvc.lock`.

    Raises:
        UserError: there is none, or it is no YAML: cut short by a kill, or an unresolved conflict.
    """
    path = root / LOCK
    if not path.is_file():
        raise UserError(f"{LOCK}: no such file; {RERUN}")
    text = path.read_text(encoding="utf-8")
    if "\n<<<<<<< " in f"\n{text}":
        raise UserError(
            f"{LOCK}: holds an unresolved conflict; `git checkout --ours {LOCK}`, then {RERUN} "
            "(docs/gitops.md says why)"
        )
    try:
        stages: dict[str, Any] = read_yaml(path)["stages"]
    except Exception:  # every way in which a cut file is no lock
        raise UserError(
            f"{LOCK}: cannot be read, as after a kill in mid-write; `git checkout {LOCK}`, then {RERUN}"
        ) from None
    return stages


def _changed_declaration(stage: DeclaredStage, entry: Mapping[str, Any]) -> Iterator[Finding]:
    if entry.get("cmd") != stage.command:
        yield Finding(stage.name, "stale", f"{ROAD}: cmd", f"changed since the last run; {RERUN}")
    for kind, declared in (("deps", stage.deps), ("outs", stage.outs)):
        recorded = hashes(entry.get(kind, ()))
        for path in declared:
            if path not in recorded:
                yield Finding(
                    stage.name, "stale", path, f"among the {kind} of {ROAD}, not of {LOCK}; {RERUN}"
                )
        for path in recorded:
            if path not in declared:
                # DVC itself never reruns a stage for this.
                yield Finding(
                    stage.name,
                    "stale",
                    path,
                    f"among the {kind} of {LOCK}, no longer of {ROAD}; run `dvc repro -f -s {stage.name}`",
                )


def _changed_params(stage: DeclaredStage, entry: Mapping[str, Any], root: Path) -> Iterator[Finding]:
    now, then = params_now(stage, root), entry.get("params", {})
    for file, keys in stage.params.items():
        for key in keys or {**then.get(file, {}), **now.get(file, {})}:
            new, old = now.get(file, {}).get(key, MISSING), then.get(file, {}).get(key, MISSING)
            for path, was, became in differing(key, old, new):
                said = f"{_shown(was)} → {_shown(became)} since the last run; {RERUN}"
                yield Finding(stage.name, "stale", f"{file}: {path}", said)


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


def _changed_deps(
    stage: DeclaredStage,
    entry: Mapping[str, Any],
    lock: Mapping[str, Any],
    producers: Mapping[str, str],
    root: Path,
) -> Iterator[Finding]:
    recorded = hashes(entry.get("deps", ()))
    for dep in stage.deps:
        if dep not in recorded:
            continue
        if producer := producers.get(dep):
            made = hashes(lock.get(producer, {}).get("outs", ())).get(dep)
            if made is not None and made != recorded[dep]:
                yield Finding(
                    stage.name,
                    "false",
                    dep,
                    f"{stage.name} read another one than {producer} left, as after a merge that never ran; "
                    f"{RERUN}",
                )
            continue
        now = tracked_md5(root, dep) or md5_of(root / dep)
        if now is None:
            yield Finding(stage.name, "stale", dep, "a dependency that is not here; restore it from git")
        elif now != recorded[dep]:
            for what in _changed_files(dep, recorded[dep], root) or [dep]:
                yield Finding(stage.name, "stale", what, f"changed since the last run; {RERUN}")


def _changed_files(dep: str, recorded: str, root: Path) -> list[str]:
    """The files of code in which `dep` differs from the last run, as far as git has that run's files."""
    then = behind_run(dep, recorded, root=root) if Path(dep).is_relative_to(CODE) else None
    return behind(dep, root=root).changed(then) if then else []


def tracked_md5(root: Path, path: str) -> str | None:
    """What `<path>.dvc` says of data that DVC tracks and that may not be here."""
    pointer = root / f"{path}.dvc"
    if not pointer.is_file():
        return None
    (out, *_) = read_yaml(pointer)["outs"]
    return str(out["md5"])


def _false_reports(stage: DeclaredStage, entry: Mapping[str, Any], root: Path) -> Iterator[Finding]:
    recorded = hashes(entry.get("outs", ()))
    for out in stage.in_git:
        now = md5_of(root / out)
        if out not in recorded:
            continue
        if now is None:
            yield Finding(
                stage.name, "false", out, f"deleted, and {LOCK} names it; restore it from git or {RERUN}"
            )
        elif now != recorded[out]:
            yield Finding(
                stage.name,
                "false",
                out,
                f"not what the stage wrote, as after an edit by hand; restore it from git or {RERUN}",
            )


def _unreadable_record(stage: DeclaredStage, root: Path) -> Iterator[Finding]:
    """No hash covers the circumstances of a run, so that a conflict in them could be committed unseen."""
    if (path := root / record_path(stage.name)).is_file() and read_record(path) is None:
        problem = "no JSON, as with an unresolved conflict; `git checkout --ours` or restore it from git"
        yield Finding(stage.name, "false", record_path(stage.name).as_posix(), problem)


def _broken_seal(stage: DeclaredStage, entry: Mapping[str, Any]) -> Iterator[Finding]:
    own = receipt_path(stage.name)
    recorded = hashes(entry.get("outs", ())).get(own)
    if recorded is not None and recorded != seal(receipt_of_lock(stage.name, entry)):
        yield Finding(
            stage.name,
            "false",
            f"{LOCK}: stages.{stage.name}",
            "no run left this entry: merged, edited or committed by hand; "
            f"run `dvc repro -f -s {stage.name}`",
        )
