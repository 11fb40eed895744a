"""Build a tagged teacher again from the tag alone, and compare every output.

It is built in a clean working tree of the tag, with the pins of the tag, and with every stage forced to run
without the run cache (which would return the recorded bytes). Compared are the hashes that `dvc.lock`
recorded at the tag and records after the rebuild.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from teacherspec.compare.params_diff import PINS, Change, leaves_changed
from teacherspec.compare.reported_numbers import REPORTS, Number, numbers, reports_of
from teacherspec.compare.revision import LOCK, Revision, find_revision, project_folder
from teacherspec.errors import UserError
from teacherspec.release.git_dvc import dvc, git
from teacherspec.release.rebuild_env import environment_variables, python_with_pins, unmet_pins
from teacherspec.release.recorded_outputs import different_files, output_states
from teacherspec.run_records.dvc_cache import Cache, State, local_cache
from teacherspec.run_records.dvc_yaml import declared_stages
from teacherspec.run_records.receipt import hashes, record_path
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.file_lock import exclusive_lock
from teacherspec.runtime.project_root import project_root

SCRATCH = Path(".scratch/reproduce")
CONFIG = Path(".dvc/config.local")

RECORDED = ("python", "libraries", "hardware", "fingerprint")
"""Parts of the record of a run that can change the last bits of a result."""

Level = Literal["R1", "R0", "none"]
LEVELS: Mapping[Level, str] = {
    "R1": "identical: rebuilt on this machine, the same bytes of every output",
    "R0": "not identical; the recorded bytes are available, unaltered",
    "none": "not identical, and the recorded bytes are not available",
}


@dataclass(frozen=True)
class RebuiltOutput:
    """One output, as recorded and as built again.

    Attributes:
        stage: that writes it.
        path: from the root of the repository.
        recorded: its hash in the `dvc.lock` of the tag.
        built: its hash now.
        recorded_state: whether the recorded bytes were found unaltered.
        files: of a folder, the files that differ.
    """

    stage: str
    path: str
    recorded: str
    built: str
    recorded_state: State
    files: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether both are the same bytes."""
        return self.recorded == self.built


@dataclass(frozen=True)
class Rebuild:
    """The result of building a tag again.

    Attributes:
        tag: as given.
        commit: of the tag.
        outputs: of every stage, in the order of `dvc.lock`.
        numbers: those of the reports that differ.
        causes: likely ones, where something differs.
    """

    tag: str
    commit: str
    outputs: tuple[RebuiltOutput, ...]
    numbers: tuple[Number, ...]
    causes: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether every output is the same bytes."""
        return bool(self.outputs) and all(output.identical for output in self.outputs)

    @property
    def level(self) -> Level:
        """The highest level of reproduction that was shown."""
        if self.identical:
            return "R1"
        intact = bool(self.outputs) and all(output.recorded_state == "intact" for output in self.outputs)
        return "R0" if intact else "none"


def rebuild(tag: str, *, own_environment: bool = True, keep: bool = False) -> Rebuild:
    """Build the teacher of `tag` again and compare every output.

    Args:
        tag: or any other revision with a `dvc.lock`.
        own_environment: create an environment with the pins of the tag where the installed one differs from
            them; otherwise build with the installed one, and report the difference as a cause.
        keep: leave the working tree under `.scratch/reproduce/`.

    Raises:
        UserError: there is no such tag or nothing was built there, the environment cannot be created, or a
            stage fails.
    """
    revision = find_revision(tag)
    if revision.commit is None or not revision.stages:
        raise UserError(f"{tag}: records no built teacher (its dvc.lock is absent or empty)")
    cache = local_cache()
    with exclusive_lock(SCRATCH / "lock", "reproduce"), working_tree(revision.commit, keep=keep) as root:
        _fetch_data(root)
        recorded = output_states(revision, cache)
        pins = revision.nearest_text(PINS) or ""
        unmet = unmet_pins(pins)
        python = Path(sys.executable)
        if unmet and own_environment:
            python, unmet = python_with_pins(pins), ()
        _run_stages(root, python)
        stages = _stages(root)
        outputs = tuple(_outputs(revision, stages, recorded, cache))
        rebuilt = {stage: _report(root / f"reports/{stage}/metrics.json") for stage in REPORTS}
        differ = [n for n in numbers(reports_of(revision), rebuilt) if n.before != n.after]
        causes = list(_causes(revision, root, outputs, unmet))
    return Rebuild(tag, revision.commit, outputs, tuple(differ), tuple(causes))


@contextmanager
def working_tree(commit: str, *, keep: bool) -> Iterator[Path]:
    """The project of `commit` in a clean clone that shares the cache of this repository and its remotes.

    A clone and no `git worktree`: it runs no hooks (those of `dvc install` would check out into this cache),
    and DVC finds its root where this repository is a submodule of another. One that a killed run left is
    removed first.
    """
    clone = (SCRATCH / commit[:12]).absolute()
    shutil.rmtree(clone, ignore_errors=True)
    top = git("rev-parse", "--show-toplevel").rstrip("\n")
    try:
        git("clone", "--quiet", "--shared", "--no-checkout", "--template=", "--", top, str(clone))
        git("checkout", "--quiet", "--detach", commit, root=clone)
        root = clone / project_folder()
        local = project_root() / CONFIG
        if local.is_file():  # settings of remotes that are not in git, such as credentials
            (project_root(root) / CONFIG).write_bytes(local.read_bytes())
        dvc("cache", "dir", "--local", dvc("cache", "dir").strip(), root=root)
        yield root
    finally:
        if not keep:
            shutil.rmtree(clone, ignore_errors=True)


def _fetch_data(root: Path) -> None:
    """Get data that `.dvc` files track, and the recorded outputs, from cache or remote."""
    stages = declared_stages(root).values()
    shared = {dep for stage in stages for dep in stage.deps if dep.startswith("../")}
    patterns = ["*.dvc", *(f"{dep}{end}" for dep in sorted(shared) for end in (".dvc", "/*.dvc"))]
    tracked = git("ls-files", "-z", "--", *patterns, root=root).split("\0")
    if any(tracked):
        dvc("pull", *filter(None, tracked), root=root)
    if dvc("remote", "list", root=root).strip():
        with suppress(UserError):  # rebuilding does not need them; missing ones are reported
            dvc("fetch", root=root)


def _run_stages(root: Path, python: Path) -> None:
    """Run every stage, with its output on the terminal."""
    found = subprocess.run(
        [str(python), "-m", "dvc", "repro", "--force", "--no-run-cache"],
        cwd=root,
        env=environment_variables(python),
        stdout=sys.stderr,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if found.returncode:
        raise UserError(f"`dvc repro` of {root.name} failed with exit code {found.returncode}; see above")


def _stages(root: Path) -> Mapping[str, Any]:
    stages: Mapping[str, Any] = YAML(typ="safe", pure=True).load((root / LOCK).read_text(encoding="utf-8"))[
        "stages"
    ]
    return stages


def _outputs(
    revision: Revision, stages: Mapping[str, Any], recorded_states: Mapping[str, State], cache: Cache
) -> Iterator[RebuiltOutput]:
    for stage, entry in revision.stages.items():
        now = hashes(stages.get(stage, {}).get("outs", ()))
        for path, recorded in hashes(entry.get("outs", ())).items():
            built = now.get(path, "")
            files = tuple(different_files(recorded, built, cache)) if built and built != recorded else ()
            yield RebuiltOutput(stage, path, recorded, built, recorded_states[path], files)


def _report(path: Path) -> Any:
    return read_json(path) if path.is_file() else {}


def _causes(
    revision: Revision, root: Path, outputs: Sequence[RebuiltOutput], unmet: Sequence[Change]
) -> Iterator[str]:
    """Likely causes: first the first stage that differs, from which differences of later ones follow.

    None where nothing differs.
    """
    first = next((output.stage for output in outputs if not output.identical), None)
    if first is None:
        return
    yield f"`{first}` is the first stage that gives other bytes; the stages after it follow from that"
    for change in unmet:
        yield f"library: {change.name} was {change.before}, is {change.after} here"
    record = record_path(first)
    before, after = dict(revision.mapping(record.as_posix())), dict(_report(root / record))
    for part in RECORDED if before and after else ():
        for change in leaves_changed({part: before.get(part)}, {part: after.get(part)}):
            yield f"{change.name} was {change.before}, is {change.after} here"
