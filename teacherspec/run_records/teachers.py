"""The teachers of a repository: one in its root, and one in each folder of `teachers/`."""

from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_yaml import DVC_YAML, PARAMS
from teacherspec.runtime.project_root import OWN, inherits, project_root
from teacherspec.runtime.terminal import print_lines

TEACHERS = Path("teachers")
IN_ROOT = "."
"""Name of the teacher in the root of the repository."""

INTERRUPTS = 128
"""Exit codes above are signals, such as 130 for Ctrl-C."""


def teachers(root: Path) -> dict[str, Path]:
    """Name → folder, from `root`, of every teacher: that of the root first, the others by name.

    A folder counts by a declaration or a pipeline in it; one that lacks either is reported where it is used.
    """
    found = {IN_ROOT: Path()} if (root / PARAMS).is_file() else {}
    if not (root / TEACHERS).is_dir():
        return found
    marks = (PARAMS, OWN, DVC_YAML)
    folders = sorted(path for path in (root / TEACHERS).iterdir() if path.is_dir())
    return found | {
        path.name: path.relative_to(root)
        for path in folders
        if any((path / mark).is_file() for mark in marks)
    }


def teachers_below() -> Mapping[str, Path]:
    """The teachers below the current folder, where that is a root without a teacher of its own; else none."""
    here = Path()
    if (here / PARAMS).is_file() or project_root() != here.absolute():
        return {}
    return teachers(here)


def teacher_folder(name: str) -> Path:
    """The folder of a teacher, absolute.

    Raises:
        UserError: the repository around the current folder has none of this name.
    """
    root = project_root()
    known = teachers(root)
    if name not in known:
        names = ", ".join(known) or "none"
        raise UserError(f"--teacher {name}: no such teacher in {root}; it has: {names}")
    return root / known[name]


def refuse_incomplete() -> None:
    """Raises `UserError` where the teacher in the current folder lacks its declaration or its pipeline."""
    wanted = (OWN if inherits(Path()) else PARAMS, DVC_YAML)
    missing = [str(file) for file in wanted if not file.is_file()]
    if missing:
        raise UserError(
            f"{', '.join(missing)}: no such file; restore it from git, or remove the folder of this teacher"
        )


def for_each_teacher(work: Callable[[], int]) -> int:
    """Do something in the current folder; in a root without a teacher of its own, in the folder of each.

    Args:
        work: returns an exit code; may raise `UserError`.

    Returns:
        0 if all succeeded, else the code of the first that did not. The others are done nevertheless; only
        an interrupt ends all.

    Raises:
        UserError: the problems of all, after the last.
    """
    below = teachers_below()
    if not below:
        return work()
    codes: list[int] = []
    problems: list[str] = []
    for name, folder in below.items():
        print_lines(f"{name}:")
        with chdir(folder):
            try:
                refuse_incomplete()
                codes.append(work())
            except UserError as error:
                problems += [f"{folder}: {problem}" for problem in error.problems]
        if codes and codes[-1] > INTERRUPTS:
            return codes[-1]
    if problems:
        raise UserError(problems)
    return next((code for code in codes if code), 0)
