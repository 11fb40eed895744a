"""Record the run of a stage: refuse a result whose inputs changed meanwhile, and write its receipt."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_hashing import Content, content, files_of, md5_of
from teacherspec.run_records.dvc_yaml import DVC_YAML, DeclaredStage, declared_stages, params_now
from teacherspec.run_records.environment import run_environment
from teacherspec.run_records.library_versions import refuse_other_library
from teacherspec.run_records.receipt import receipt, receipt_md5, receipt_path, record_path, sums_path
from teacherspec.runtime.atomic_io import write_json, write_text
from teacherspec.runtime.file_lock import exclusive_lock
from teacherspec.tracking.destinations import chosen_destinations

LOCKS = Path(".scratch/running")
AFTER_KILL_SECONDS = 3.0
"""How long a stage waits for an earlier run of itself that a kill is still ending."""

MOST_NAMED = 10
"""Changed files of a dependency that are named one by one; of more, the folder is."""


@dataclass(frozen=True)
class Inputs:
    """Everything that determines a run, at one moment."""

    stage: DeclaredStage
    deps: Mapping[str, Content]
    params: Mapping[str, Mapping[str, Any]]


@contextmanager
def recording(name: str) -> Iterator[None]:
    """Run the block as the stage `name`; write its receipt, checksums and environment.

    Raises:
        UserError: another process runs this stage here, an input is missing or changed while the stage
            ran, or a declared output was not written.
    """
    with exclusive_lock(LOCKS / f"{name}.lock", f"stage {name}", AFTER_KILL_SECONDS):
        begun = time.perf_counter()
        before = inputs(name)
        started = time.perf_counter()
        yield
        ended = time.perf_counter()
        refuse_changed(before)
        text = write_receipt(before)
        seconds = {
            "inputs": started - begun,
            "work": ended - started,
            "outputs": time.perf_counter() - ended,
        }
        record = run_environment(before.stage, before.params, receipt_md5(text), seconds)
        write_json(record_path(name), record)


def inputs(name: str) -> Inputs:
    """The inputs of a stage.

    Raises:
        UserError: `dvc.yaml` has no such stage, a dependency does not exist, or the machine is configured to
            show curves in a program that is not installed.
    """
    stages = declared_stages()
    if name not in stages:
        raise UserError(f"{DVC_YAML}: there is no stage {name}; it has {', '.join(stages)}")
    refuse_other_library(stage=name)
    chosen_destinations()
    found = {dep: content(Path(dep)) for dep in stages[name].deps}
    missing = [f"{dep}: not found, and stage {name} depends on it" for dep, item in found.items() if not item]
    if missing:
        raise UserError(missing)
    deps = {dep: item for dep, item in found.items() if item}
    return Inputs(stages[name], deps, params_now(stages[name]))


def refuse_changed(before: Inputs) -> None:
    """Refuse a result that belongs to no single version of its inputs.

    DVC hashes the inputs after the command: it would record the inputs after an edit with the result of
    those before it.

    Raises:
        UserError: names every input that changed.
    """
    name = before.stage.name
    now = declared_stages().get(name)
    changed = [path for dep, item in before.deps.items() for path in _changed(Path(dep), item)]
    if now != before.stage:
        changed.append(f"{DVC_YAML}: stages.{name}")
    else:
        params = params_now(now)
        changed += [
            f"{file}: {key}"
            for file, values in before.params.items()
            for key, value in values.items()
            if params.get(file, {}).get(key) != value
        ]
    if changed:
        raise UserError(
            [f"{what}: changed while stage {name} ran" for what in changed]
            + [f"the result of {name} belongs to neither version and is not recorded; run it again"]
        )


def _changed(path: Path, before: Content) -> list[str]:
    """The files of a dependency that changed; the folder where there are many of them.

    Files whose stamps moved are read again: the same bytes are no change. New files of a folder count.
    """
    same_files = path.is_file() or set(files_of(path)) == set(before.stamps)
    if same_files and before.unchanged():
        return []
    after = content(path)
    if after is None:
        return [str(path)]
    files = sorted({file.as_posix() for file, _ in before.sha256.items() ^ after.sha256.items()})
    return files if len(files) <= MOST_NAMED else [str(path)]


def write_receipt(before: Inputs) -> str:
    """Write checksums and receipt of the outputs of a stage; returns the receipt's text.

    Raises:
        UserError: the stage did not write a declared output.
    """
    stage = before.stage
    own = (receipt_path(stage.name), sums_path(stage.name))
    outs = {out: content(Path(out)) for out in stage.outs if out not in own}
    missing = [f"{out}: stage {stage.name} did not write it" for out, item in outs.items() if item is None]
    if missing:
        raise UserError(missing)
    sums = {path: digest for item in outs.values() if item for path, digest in item.sha256.items()}
    lines = [f"{digest}  {path.as_posix()}\n" for path, digest in sorted(sums.items())]
    write_text(Path(sums_path(stage.name)), "".join(lines))
    md5s = {out: item.md5 for out, item in outs.items() if item}
    if sums_md5 := md5_of(Path(sums_path(stage.name))):
        md5s[sums_path(stage.name)] = sums_md5
    deps = {dep: item.md5 for dep, item in before.deps.items()}
    text = receipt(stage.name, stage.command, deps, before.params, md5s)
    write_text(Path(receipt_path(stage.name)), text)
    return text
