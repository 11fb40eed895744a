"""Watch a stage from start to end: refuse a result whose inputs moved, and write its receipt."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.files import write_json, write_text
from teacherspec.process import alone
from teacherspec.receipts.circumstances import circumstances
from teacherspec.receipts.declaration import DeclaredStage, params_now, read_road
from teacherspec.receipts.hashing import Content, content, files_of
from teacherspec.receipts.receipt import receipt, receipt_path, record_path, seal, sums_path

LOCKS = Path(".scratch/running")
AFTER_KILL_SECONDS = 3.0
"""How long a stage waits for one of its name that a kill is still ending."""


@dataclass(frozen=True)
class Inputs:
    """All that determines a run, as it was at one moment."""

    stage: DeclaredStage
    deps: Mapping[str, Content]
    params: Mapping[str, Mapping[str, Any]]


@contextmanager
def recording(name: str) -> Iterator[None]:
    """Run the block as the stage `name`; leave its receipt, checksums and circumstances.

    Raises:
        UserError: another process runs this stage here, an input is missing or changed while the stage
            ran, or a declared output was not written.
    """
    with alone(LOCKS / f"{name}.lock", f"stage {name}", AFTER_KILL_SECONDS):
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
        write_json(record_path(name), circumstances(before.stage, before.params, seal(text), seconds))


def inputs(name: str) -> Inputs:
    """What the stage will read.

    Raises:
        UserError: `dvc.yaml` has no such stage, or a dependency is not there.
    """
    road = read_road()
    if name not in road:
        raise UserError(f"dvc.yaml: there is no stage {name}; it has {', '.join(road)}")
    found = {dep: content(Path(dep)) for dep in road[name].deps}
    missing = [f"{dep}: not found, and stage {name} depends on it" for dep, item in found.items() if not item]
    if missing:
        raise UserError(missing)
    deps = {dep: item for dep, item in found.items() if item}
    return Inputs(road[name], deps, params_now(road[name]))


def refuse_changed(before: Inputs) -> None:
    """Refuse a result that belongs to no one version of its inputs.

    DVC hashes the inputs after the command: an edit during a run would be credited with a result that
    it never gave.

    Raises:
        UserError: names every input that changed.
    """
    name = before.stage.name
    now = read_road().get(name)
    changed = [dep for dep, item in before.deps.items() if _changed(Path(dep), item)]
    if now != before.stage:
        changed.append(f"dvc.yaml: stages.{name}")
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


def _changed(path: Path, before: Content) -> bool:
    """What was touched is read again: the same bytes are no change. New files of a folder count."""
    same_files = path.is_file() or set(files_of(path)) == set(before.stamps)
    if same_files and before.unchanged():
        return False
    after = content(path)
    return after is None or after.md5 != before.md5


def write_receipt(before: Inputs) -> str:
    """Write checksums and receipt of what the stage left, and give the receipt's text.

    Raises:
        UserError: a declared output is not there.
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
    if listed := content(Path(sums_path(stage.name))):
        md5s[sums_path(stage.name)] = listed.md5
    deps = {dep: item.md5 for dep, item in before.deps.items()}
    text = receipt(stage.name, stage.command, deps, before.params, md5s)
    write_text(Path(receipt_path(stage.name)), text)
    return text
