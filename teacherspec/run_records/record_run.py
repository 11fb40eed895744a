"""Watch a stage from start to end: refuse a result whose inputs moved, and write its receipt."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.road.links import CODE
from teacherspec.run_records.dvc_hashing import Content, content, files_of
from teacherspec.run_records.dvc_yaml import DeclaredStage, params_now, read_road
from teacherspec.run_records.environment import circumstances
from teacherspec.run_records.receipt import receipt, receipt_path, record_path, seal, sums_path
from teacherspec.runtime.atomic_io import write_json, write_text
from teacherspec.runtime.process_lifetime import alone

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
    if missing or (missing := list(_no_links(found))):
        raise UserError(missing)
    deps = {dep: item for dep, item in found.items() if item}
    return Inputs(road[name], deps, params_now(road[name]))


def _no_links(found: Mapping[str, Content | None]) -> Iterator[str]:
    """Copies in a folder of links to code, as git leaves them on a system without links.

    An edit of the code would not be seen in them, so no stage may run on them.
    """
    for dep, item in found.items():
        for file in item.sha256 if item and Path(dep).is_relative_to(CODE) else ():
            if not file.is_symlink():
                yield (
                    f"{file}: must be a link to code; `git config core.symlinks true` and "
                    f"`git checkout {CODE}`, or `python -m teacherspec deps --write`"
                )


def refuse_changed(before: Inputs) -> None:
    """Refuse a result that belongs to no one version of its inputs.

    DVC hashes the inputs after the command: an edit during a run would be credited with a result that
    it never gave.

    Raises:
        UserError: names every input that changed.
    """
    name = before.stage.name
    now = read_road().get(name)
    changed = [what for dep, item in before.deps.items() for what in _changed(Path(dep), item)]
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


def _changed(path: Path, before: Content) -> list[str]:
    """What of a dependency changed: the files behind links to code, otherwise itself.

    What was touched is read again: the same bytes are no change. New files of a folder count.
    """
    same_files = path.is_file() or set(files_of(path)) == set(before.stamps)
    if same_files and before.unchanged():
        return []
    after = content(path)
    if after is None or not path.is_relative_to(CODE):
        return [] if after and after.md5 == before.md5 else [str(path)]
    files = {file for file, _ in before.sha256.items() ^ after.sha256.items()}
    return sorted(file.resolve().relative_to(Path.cwd()).as_posix() for file in files)


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
