"""git and DVC as a person would call them, in any working tree."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from teacherspec.errors import UserError


def git(*arguments: str, root: Path | None = None) -> str:
    """What `git` prints.

    Raises:
        UserError: it failed, with what it said.
    """
    return _output(["git", *arguments], root, None)


def dvc(
    *arguments: str,
    root: Path | None = None,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What `dvc` prints; `python` is whose installation, by default this one's.

    Raises:
        UserError: it failed, with what it said.
    """
    return _output([str(python or sys.executable), "-m", "dvc", *arguments], root, environment)


def _output(command: Sequence[str], root: Path | None, environment: Mapping[str, str] | None) -> str:
    found = subprocess.run(
        command,
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if found.returncode:
        said = " ".join((found.stderr or found.stdout).split())
        name = Path(command[0]).name if command[0] == "git" else "dvc"
        raise UserError(f"{name} {command[1] if name == 'git' else command[3]}: {said}")
    return found.stdout
