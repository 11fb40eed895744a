"""What must hold before a commit may be called a teacher; all that does not is told at once."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from teacherspec.compare.reported_numbers import judged
from teacherspec.compare.revision import find_revision
from teacherspec.package.checksums import SUMS
from teacherspec.package.file_allowlist import check_checksums
from teacherspec.release.git_dvc import dvc, git
from teacherspec.release.recorded_outputs import local_cache, states
from teacherspec.run_records.lock_check import check_lock

ARTIFACT = "teacher"
"""Name of the artifact in `dvc.yaml`, and so of the tags."""

TEACHER = Path("artifacts/teacher")
VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def tag_of(version: str) -> str:
    """`teacher@v1.2.0`, as GTO names it."""
    return f"{ARTIFACT}@{version}"


def refusals(version: str) -> list[str]:
    """Everything that speaks against releasing the current commit as `version`; empty when nothing does."""
    looks: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: wrong_version(version),
        unclean_tree,
        stale_stages,
        lost_bytes,
        missed_gates,
        broken_package,
    )
    return [problem for look in looks for problem in look()]


def wrong_version(version: str) -> Iterator[str]:
    """It must be a new semantic version: a released one is never moved."""
    if not VERSION.fullmatch(version):
        yield f"version: given {version!r}; allowed: v1.2.3, three numbers without leading zeros"
    elif git("tag", "--list", tag_of(version)).strip():
        yield f"{tag_of(version)}: exists already; a released version never moves, take the next one"


def unclean_tree() -> Iterator[str]:
    """What is not committed is not in the tag."""
    for line in git("status", "--porcelain").splitlines():
        yield f"{line[3:]}: not committed; commit it or take it back"


def stale_stages() -> Iterator[str]:
    """Every stage is what the committed code, params and data make of it, as receipts and DVC see it."""
    false = check_lock()
    yield from map(str, false)
    if false:
        return  # `dvc status` would say the same in other words
    for stage, findings in json.loads(dvc("status", "--json") or "{}").items():
        changes = ", ".join(
            f"{path} {state}"
            for finding in findings
            if isinstance(finding, dict)
            for kind in finding.values()
            if isinstance(kind, dict)
            for path, state in kind.items()
            if isinstance(state, str)
        )
        yield f"stage {stage}: not up to date ({changes or 'changed'}); run `dvc repro`, or `dvc checkout`"


def lost_bytes() -> Iterator[str]:
    """Everything that `dvc.lock` records is there to be pushed, byte by byte."""
    for path, state in states(find_revision("HEAD"), local_cache()).items():
        if state != "intact":
            yield f"{path}: {state}; `dvc pull` it, or build it again with `dvc repro --force`"


def missed_gates() -> Iterator[str]:
    """The declared promises are kept by the committed numbers."""
    try:
        judgements = judged(find_revision("HEAD"))
    except ValidationError as error:
        yield f"package.gates: {error.error_count()} problems; see `python -m teacherspec check`"
        return
    for judgement in judgements.values():
        if not judgement.passed:
            yield f"gate {judgement.gate.metric}: missed: {judgement.reason}"


def broken_package() -> Iterator[str]:
    """The package is there and as it was sealed."""
    if not (TEACHER / SUMS).is_file():
        yield f"{TEACHER}: there is no package; run `dvc checkout` or `dvc repro`"
    else:
        yield from (f"{TEACHER}: {problem}" for problem in check_checksums(TEACHER))
