"""Calls of the commands `git` and `dvc`, in any working tree."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from teacherspec.errors import UserError


def git(*arguments: str, root: Path | None = None) -> str:
    """Output of `git`.

    Raises:
        UserError: it failed, with its message.
    """
    # Paths as they are, not as `"donn\\303\\251es"`.
    return _output(["git", "-c", "core.quotePath=false", *arguments], root, None)


def dvc(
    *arguments: str,
    root: Path | None = None,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Output of `dvc`, of the environment of `python`; by default of this one.

    Raises:
        UserError: it failed, with its message.
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
        message = " ".join((found.stderr or found.stdout).split())
        name = Path(command[0]).name if command[0] == "git" else "dvc"
        raise UserError(f"{name} {command[3]}: {message}")
    return found.stdout
