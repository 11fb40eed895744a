"""Release the current commit: a GTO-compatible annotated tag, once all checks pass."""

from collections.abc import Iterator

from teacherspec.compare.gate_changes import checked_gates
from teacherspec.compare.revision import find_revision, repository
from teacherspec.errors import UserError
from teacherspec.package.quality_gates import GateResult
from teacherspec.release.git_dvc import dvc
from teacherspec.release.preflight import artifact_name, release_problems, tag_of


def release(version: str, *, push: bool) -> str:
    """Tag the current commit as `teacher@<version>`; in a subdirectory, as `<folder>=teacher@<version>`.

    Args:
        version: `v1.2.0`.
        push: send artifacts and run cache to the default DVC remote first, so that the teacher is available
            wherever the tag is.

    Returns:
        The name of the tag.

    Raises:
        UserError: a check failed, with all problems; or the remote refused. Nothing is tagged.
    """
    problems = release_problems(version)
    if problems:
        raise UserError(problems)
    if push:
        dvc("push", "--run-cache")
    from gto.api import register
    from gto.exceptions import GTOException
    from scmrepo.exceptions import SCMError

    message = "\n".join(_message(version))
    try:
        register(repository().root_dir, artifact_name(), "HEAD", version=version, message=message)
    except (GTOException, SCMError) as error:
        raise UserError(f"{tag_of(version)}: cannot be tagged: {error}") from error
    return tag_of(version)


def _message(version: str) -> Iterator[str]:
    """The message of the tag: the version and every gate with its number."""
    yield f"Teacher {version}"
    yield ""
    yield from map(gate_line, checked_gates(find_revision("HEAD")).values())


def gate_line(result: GateResult) -> str:
    """One gate in one line."""
    return f"{'pass' if result.passed else 'fail'} {result.gate.metric}: {result.reason}"
