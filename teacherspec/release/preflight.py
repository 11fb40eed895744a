"""The checks that a commit must pass before it is released; all failures are reported at once."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from teacherspec.compare.gate_changes import checked_gates
from teacherspec.compare.revision import find_revision, project_folder
from teacherspec.errors import UserError
from teacherspec.package.verification.checksums import SUMS
from teacherspec.package.verification.file_allowlist import check_checksums
from teacherspec.release.git_dvc import dvc, git
from teacherspec.release.recorded_outputs import output_states
from teacherspec.run_records.dvc_cache import local_cache
from teacherspec.run_records.dvc_yaml import LOCK, declared_artifacts, declared_stages
from teacherspec.run_records.lock_check import check_lock
from teacherspec.run_records.recorded_artifact import require_recorded
from teacherspec.runtime.project_root import project_root

ARTIFACT = "teacher"
"""Name of the artifact in `dvc.yaml`, and so of the tags."""

TEACHER = Path("artifacts/teacher")
VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def artifact_name() -> str:
    """`teacher`; in a subdirectory of the git repository `ml/teacher:teacher`, as GTO names it.

    A teacher that `dvc.yaml` in the root of the DVC project registers has the name that it has there.
    """
    folder = PurePosixPath(project_folder())
    below = Path(os.path.relpath(Path.cwd(), project_root()))
    registered = _registered((below / TEACHER).as_posix())
    if registered is None:
        return _in_folder(folder, ARTIFACT)
    return _in_folder(PurePosixPath(*folder.parts[: len(folder.parts) - len(below.parts)]), registered)


def _in_folder(folder: PurePosixPath, name: str) -> str:
    return f"{folder}:{name}" if folder.parts else name


def _registered(path: str) -> str | None:
    """Name of the artifact at a path, by `dvc.yaml` in the root of the DVC project."""
    artifacts = declared_artifacts(project_root())
    return next((name for name, place in artifacts.items() if place == path), None)


def tag_of(version: str) -> str:
    """`teacher@v1.2.0`, `helpdesk@v1.2.0`, or `ml/teacher=teacher@v1.2.0`, as GTO names it."""
    return f"{artifact_name().replace(':', '=')}@{version}"


def release_problems(version: str) -> list[str]:
    """Every problem with releasing the current commit as `version`; empty where there is none."""
    checks: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: check_version(version),
        check_working_tree,
        check_stages,
        check_outputs,
        check_gates,
        check_package,
    )
    return [problem for check in checks for problem in check()]


def check_version(version: str) -> Iterator[str]:
    """The version is a new semantic version: a released one is never moved."""
    if not VERSION.fullmatch(version):
        yield f"version: given {version!r}; allowed: v1.2.3, three numbers without leading zeros"
    elif git("tag", "--list", tag_of(version)).strip():
        yield f"{tag_of(version)}: exists already; a released version is never moved, use the next one"


def check_working_tree() -> Iterator[str]:
    """Everything is committed: only committed files are in the tag."""
    # Whatever the user's `status.showUntrackedFiles` hides.
    for line in git("status", "--porcelain", "--untracked-files=normal", "--", ".").splitlines():
        yield f"{line[3:]}: not committed; commit it or undo the change"


def check_stages() -> Iterator[str]:
    """Every stage is up to date with the committed code, params and data, by its receipt and by DVC."""
    findings = check_lock()
    yield from map(str, findings)
    if findings:
        return  # `dvc status` would report the same again
    for stage, changed in json.loads(dvc("status", "--json", *declared_stages()) or "{}").items():
        changes = ", ".join(
            f"{path} {state}"
            for finding in changed
            if isinstance(finding, dict)
            for kind in finding.values()
            if isinstance(kind, dict)
            for path, state in kind.items()
            if isinstance(state, str)
        )
        yield f"stage {stage}: not up to date ({changes or 'changed'}); run `dvc repro`, or `dvc checkout`"


def check_outputs() -> Iterator[str]:
    """Every output that `dvc.lock` records exists unaltered, so that it can be pushed."""
    states = output_states(find_revision("HEAD"), local_cache())
    if not states:
        yield f"{LOCK}: the commit records no output; run `teacherspec repro` and commit it"
    for path, state in states.items():
        if state != "intact":
            yield f"{path}: {state}; `dvc pull` it, or build it again with `dvc repro --force`"


def check_gates() -> Iterator[str]:
    """The committed numbers pass every declared gate."""
    try:
        gates = checked_gates(find_revision("HEAD"))
    except ValidationError as error:
        yield f"package.gates: {error.error_count()} problems; see `teacherspec check`"
        return
    if not gates:
        yield "package.gates: the commit declares none, so nothing was checked; see `teacherspec check`"
    for result in gates.values():
        if not result.passed:
            yield f"gate {result.gate.metric}: failed: {result.reason}"


def check_package() -> Iterator[str]:
    """The package in the workspace is the one that the commit records, and has its checksums."""
    try:
        require_recorded(find_revision("HEAD").outs, TEACHER.as_posix())
    except UserError as error:
        yield from error.problems
    if (TEACHER / SUMS).is_file():
        yield from (f"{TEACHER}: {problem}" for problem in check_checksums(TEACHER))
