"""What `teacherspec init` does: look at the data, decide on a repository, write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from teacherspec.init.guess import Guess
from teacherspec.init.look import Wanted, look
from teacherspec.init.repository import (
    attributes,
    library_files,
    readme,
    refuse_existing,
    start_git_and_dvc,
    write,
)
from teacherspec.init.requirements import WHEELS, installed_wheel
from teacherspec.run_records.dvc_yaml import PARAMS
from teacherspec.run_records.written_params import write_params
from teacherspec.runtime.atomic_io import write_text

IN_GIT_BYTES = 10 << 20
"""Size of the rows from which they are better kept out of git."""


@dataclass(frozen=True)
class Plan:
    """A new repository, not yet written.

    Attributes:
        root: its folder.
        kind: of task.
        files: name → text.
        data: file or folder → where it is copied to, relative to the repository; empty where it is inside.
        guesses: what was found in the data.
        warnings: what to look at first.
        data_bytes: size of the rows.
        folder: of the rows, relative to the repository.
        teacher: its folder, relative to the repository.
        changes: files that exist → their new text, shown to the person before.
    """

    root: Path
    kind: str
    files: Mapping[str, str]
    data: Mapping[Path, Path]
    guesses: Sequence[Guess]
    warnings: Sequence[str]
    data_bytes: int
    folder: str
    teacher: Path = Path()
    changes: Mapping[str, str] = field(default_factory=dict)


def plan(wanted: Wanted) -> Plan:
    """Look at the data and decide what to write for a repository of one teacher. Writes nothing.

    Raises:
        UserError: the data cannot be read, a column cannot be found, a file exists already, or the resulting
            declaration is wrong.
    """
    found = look(wanted, Path())
    needs_base = bool(found.start.BASE_FILES)
    own = {
        "README.md": readme(wanted.name, needs_base, found.folder),
        ".gitattributes": attributes(found.folder),
    }
    files = {str(PARAMS): found.text, **own, **library_files(found.start)}
    copies = {**found.copies, **wheels()}
    refuse_existing(wanted.root, [*files, *map(str, copies.values())])
    return Plan(
        wanted.root,
        found.kind,
        files,
        copies,
        found.guesses,
        found.warnings,
        found.data_bytes,
        found.folder,
    )


def wheels() -> dict[Path, Path]:
    """The wheel of the library, where it was installed from one → its place in the repository."""
    wheel = installed_wheel()
    return {wheel: Path(WHEELS) / wheel.name} if wheel else {}


def carry_out(planned: Plan, git: bool) -> list[str]:
    """Write the repository; returns the commands that were run in it."""
    write(planned.root, planned.files, planned.data)
    for name, text in planned.changes.items():
        write_text(planned.root / name, text)
    done = start_git_and_dvc(planned.root) if git else []
    write_params(planned.root / planned.teacher)
    return done
