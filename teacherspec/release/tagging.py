"""Give the current commit its name: a GTO-compatible annotated tag, once everything speaks for it."""

from collections.abc import Iterator

from teacherspec.compare.reported_numbers import judged
from teacherspec.compare.revision import find_revision
from teacherspec.errors import UserError
from teacherspec.package.quality_gates import GateResult
from teacherspec.release.git_dvc import dvc
from teacherspec.release.preflight import ARTIFACT, refusals, tag_of


def release(version: str, *, push: bool) -> str:
    """Tag the current commit as `teacher@<version>`.

    Args:
        version: `v1.2.0`.
        push: send artifacts and run cache to the default DVC remote first, so that whoever finds the tag
            finds the teacher.

    Returns:
        The name of the tag.

    Raises:
        UserError: something speaks against it, everything named; or the remote refused. Nothing is tagged.
    """
    problems = refusals(version)
    if problems:
        raise UserError(problems)
    if push:
        dvc("push", "--run-cache")
    from gto.api import register
    from gto.exceptions import GTOException
    from scmrepo.exceptions import SCMError

    message = "\n".join(_message(version))
    try:
        register(".", ARTIFACT, "HEAD", version=version, message=message)
    except (GTOException, SCMError) as error:
        raise UserError(f"{tag_of(version)}: cannot be tagged: {error}") from error
    return tag_of(version)


def _message(version: str) -> Iterator[str]:
    """What `git show` tells of the tag: the version and every gate with its number."""
    yield f"Teacher {version}"
    yield ""
    yield from map(gate_line, judged(find_revision("HEAD")).values())


def gate_line(judgement: GateResult) -> str:
    """One gate in one line."""
    return f"{'pass' if judgement.passed else 'miss'} {judgement.gate.metric}: {judgement.reason}"
