"""The files of a release: the package as one archive, its checksum, and notes."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from teacherspec.compare.compare import compare
from teacherspec.compare.gate_changes import checked_gates
from teacherspec.compare.report.markdown import as_markdown
from teacherspec.compare.revision import find_revision
from teacherspec.errors import UserError
from teacherspec.package.verification.file_allowlist import check_checksums
from teacherspec.release.git_dvc import git
from teacherspec.release.preflight import TEACHER
from teacherspec.release.tagging import gate_line
from teacherspec.run_records.recorded_artifact import require_recorded
from teacherspec.runtime.atomic_io import replacing, sha256_file, write_text

NOTES = "notes.md"


@dataclass(frozen=True)
class ReleaseFiles:
    """Paths of the files of a release.

    Attributes:
        archive: `teacher-v1.2.0.tar`; the same package gives the same bytes.
        sums: `SHA256SUMS` of it.
        notes: Markdown: the gates, and what changed since the previous tag.
        ready: whether every gate passes.
    """

    archive: Path
    sums: Path
    notes: Path
    ready: bool


def pack_release(tag: str, folder: Path) -> ReleaseFiles:
    """Write the files of the release of `tag`, whose package is in the working tree, into `folder`.

    Raises:
        UserError: the tag is not checked out, or the package here is absent, altered, or not the one that the
            tag records.
    """
    revision = find_revision(tag)
    if revision.commit != find_revision("HEAD").commit:
        raise UserError(f"{tag}: is not checked out; run `git switch --detach {tag}` and `dvc checkout`")
    require_recorded(revision.outs, TEACHER.as_posix())
    if problems := [f"{TEACHER}: {problem}" for problem in check_checksums(TEACHER)]:
        raise UserError(problems)
    try:
        gates = list(checked_gates(revision).values())
    except ValidationError as error:
        raise UserError(f"{tag}: its gates follow rules that this code does not know: {error}") from error
    archive = folder / f"{tag.rpartition('=')[2].replace('@', '-')}.tar"
    write_archive(TEACHER, archive)
    write_text(folder / "SHA256SUMS", f"{sha256_file(archive)}  {archive.name}\n")
    lines = [f"# {tag}", "", *(f"- {gate_line(gate)}" for gate in gates), ""]
    write_text(folder / NOTES, "\n".join([*lines, *_since(tag)]) + "\n")
    ready = bool(gates) and all(gate.passed for gate in gates)
    return ReleaseFiles(archive, folder / "SHA256SUMS", folder / NOTES, ready)


def write_archive(folder: Path, archive: Path) -> None:
    """Pack a folder with sorted names and without owners, times and modes: equal folders give equal bytes.

    Links, as of a DVC cache of links, are packed as the files that they name.
    """

    def without_metadata(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with (
        replacing(archive) as partial,
        tarfile.open(partial, "w", format=tarfile.PAX_FORMAT, dereference=True) as packed,
    ):
        packed.add(folder, folder.name, recursive=False, filter=without_metadata)
        for path in sorted(folder.rglob("*")):
            packed.add(
                path, f"{folder.name}/{path.relative_to(folder)}", recursive=False, filter=without_metadata
            )


def _since(tag: str) -> Iterator[str]:
    """The comparison with the previous tag, where there is one."""
    name = tag.partition("@")[0]
    earlier = git(
        "tag", "--list", f"{name}@v*", "--sort=-v:refname", "--no-contains", tag, "--merged", tag
    ).split()
    if earlier:
        yield as_markdown(compare(find_revision(earlier[0]), find_revision(tag)), texts=False)
