"""Build a tagged teacher again, from nothing but the tag, and compare every byte.

A run of its own: a clean working tree of the tag, every stage by force and without the run cache (which
would only hand back the old bytes), the pins of the tag. What is compared are the hashes that `dvc.lock`
recorded then and records now.
"""

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
from teacherspec.compare.revision import LOCK, Revision, find_revision
from teacherspec.errors import UserError
from teacherspec.release.git_dvc import dvc, git
from teacherspec.release.rebuild_env import own_python, pins_unlike_installed, variables
from teacherspec.release.recorded_outputs import Cache, State, different_files, local_cache, states
from teacherspec.run_records.receipt import record_path
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.process_lifetime import alone

SCRATCH = Path(".scratch/reproduce")

RECORDED = ("python", "libraries", "hardware", "fingerprint")
"""What the record of a run says of its circumstances that can change a bit."""

Level = Literal["R1", "R0", "none"]
LEVELS: Mapping[Level, str] = {
    "R1": "identical: rebuilt on this machine, the same bytes of every output",
    "R0": "not identical; the bytes that the tag recorded are at hand, unaltered",
    "none": "not identical, and the bytes that the tag recorded are not at hand",
}


@dataclass(frozen=True)
class Rebuilt:
    """One output, as recorded and as built again.

    Attributes:
        stage: that writes it.
        path: from the root of the repository.
        recorded: its hash in the `dvc.lock` of the tag.
        built: its hash now.
        at_hand: whether the recorded bytes could be found.
        files: of a folder, the files that differ.
    """

    stage: str
    path: str
    recorded: str
    built: str
    at_hand: State
    files: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether both are the same bytes."""
        return self.recorded == self.built


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes:
        tag: as given.
        commit: that it names.
        outputs: of every stage, in the order of `dvc.lock`.
        numbers: of the reports that differ.
        causes: likely ones, when something differs.
    """

    tag: str
    commit: str
    outputs: tuple[Rebuilt, ...]
    numbers: tuple[Number, ...]
    causes: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether every output is the same bytes."""
        return all(output.identical for output in self.outputs)

    @property
    def level(self) -> Level:
        """The highest promise that was proven."""
        if self.identical:
            return "R1"
        return "R0" if all(output.at_hand == "intact" for output in self.outputs) else "none"


def reproduce(tag: str, *, own_environment: bool = True, keep: bool = False) -> Reproduction:
    """Rebuild the teacher that `tag` names and compare.

    Args:
        tag: or any other revision with a `dvc.lock`.
        own_environment: make an environment with the pins of the tag where this one differs from them;
            otherwise build with this one, and name the difference as a cause.
        keep: leave the working tree under `.scratch/reproduce/`.

    Raises:
        UserError: no such tag or nothing built there, no environment, or a stage fails.
    """
    revision = find_revision(tag)
    if revision.commit is None or not revision.stages:
        raise UserError(f"{tag}: records no built teacher (its dvc.lock is absent or empty)")
    cache = local_cache()
    with alone(SCRATCH / "lock", "reproduce"), working_tree(revision.commit, keep=keep) as root:
        _bring_data(root)
        at_hand = states(revision, cache)
        unlike = pins_unlike_installed(revision.text(PINS) or "")
        python = Path(sys.executable)
        if unlike and own_environment:
            python, unlike = own_python(revision.text(PINS) or ""), ()
        _rebuild(root, python)
        stages = _stages(root)
        outputs = tuple(_outputs(revision, stages, at_hand, cache))
        rebuilt = {stage: _report(root / f"reports/{stage}/metrics.json") for stage in REPORTS}
        differ = [n for n in numbers(reports_of(revision), rebuilt) if n.before != n.after]
        causes = (
            [] if all(output.identical for output in outputs) else _causes(revision, root, outputs, unlike)
        )
    return Reproduction(tag, revision.commit, outputs, tuple(differ), tuple(causes))


@contextmanager
def working_tree(commit: str, *, keep: bool) -> Iterator[Path]:
    """A clean working tree of `commit` that shares the cache of this repository and its remotes.

    A tree left by an earlier run that was killed is cleared away first.
    """
    root = (SCRATCH / commit[:12]).absolute()
    with suppress(UserError):
        git("worktree", "remove", "--force", "--force", str(root))
    git("worktree", "prune")
    git("worktree", "add", "--quiet", "--detach", str(root), commit)
    try:
        own = Path(".dvc/config.local")
        if own.is_file():  # where remotes keep what is not in git
            (root / own).write_bytes(own.read_bytes())
        dvc("cache", "dir", "--local", dvc("cache", "dir").strip(), root=root)
        yield root
    finally:
        if not keep:
            git("worktree", "remove", "--force", "--force", str(root))


def _bring_data(root: Path) -> None:
    """Data that `.dvc` files track, and what the tag recorded, from cache or remote."""
    tracked = git("ls-files", "*.dvc", root=root).split()
    if tracked:
        dvc("pull", *tracked, root=root)
    if dvc("remote", "list", root=root).strip():
        with suppress(UserError):  # what is lost there is told as missing; rebuilding does not need it
            dvc("fetch", root=root)


def _rebuild(root: Path, python: Path) -> None:
    """Run every stage, on the terminal; the run cache would only hand back what was recorded."""
    found = subprocess.run(
        [str(python), "-m", "dvc", "repro", "--force", "--no-run-cache"],
        cwd=root,
        env=variables(python),
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
    revision: Revision, stages: Mapping[str, Any], at_hand: Mapping[str, State], cache: Cache
) -> Iterator[Rebuilt]:
    for stage, entry in revision.stages.items():
        now = {out["path"]: out["md5"] for out in stages.get(stage, {}).get("outs", ())}
        for out in entry.get("outs", ()):
            path, recorded, built = out["path"], out["md5"], now.get(out["path"], "")
            files = tuple(different_files(recorded, built, cache)) if built and built != recorded else ()
            yield Rebuilt(stage, path, recorded, built, at_hand[path], files)


def _report(path: Path) -> Any:
    return read_json(path) if path.is_file() else {}


def _causes(
    revision: Revision, root: Path, outputs: Sequence[Rebuilt], unlike: Sequence[Change]
) -> Iterator[str]:
    """Likely reasons, the first stage that differs before all: later ones only follow it."""
    first = next(output.stage for output in outputs if not output.identical)
    yield f"`{first}` is the first stage that gives other bytes; the stages after it follow from that"
    for change in unlike:
        yield f"library: {change.name} was {change.before}, is {change.after} here"
    record = record_path(first)
    before, after = dict(revision.mapping(record.as_posix())), dict(_report(root / record))
    for what in RECORDED if before and after else ():
        for change in leaves_changed({what: before.get(what)}, {what: after.get(what)}):
            yield f"{change.name} was {change.before}, is {change.after} here"
