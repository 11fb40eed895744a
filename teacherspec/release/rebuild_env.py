"""The Python environment of a tag: whether the installed one meets its pins, and creating one that does."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from teacherspec.compare.params_diff import ABSENT, Change
from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import sha256_bytes, write_text
from teacherspec.runtime.process_lifetime import subprocess_env

ENVIRONMENTS = Path(".scratch/environments")
COMPLETE = "complete"

OF_A_STAGE = frozenset({"DVC_STAGE", "DVC_ROOT"})
"""Variables that DVC sets for the processes of a stage; the DVC of another repository must not get them."""


def unmet_pins(requirements: str) -> tuple[Change, ...]:
    """Pins of a `requirements.txt` that this environment does not meet: pinned and installed version."""
    found = []
    for requirement in _pinned(requirements):
        wanted = str(next(iter(requirement.specifier)).version)
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            installed = ABSENT
        # Local builds (`2.13.0+cpu`) meet the pin of their public version.
        if installed.partition("+")[0] != wanted.partition("+")[0]:
            found.append(Change(requirement.name, wanted, installed))
    return tuple(found)


def _pinned(requirements: str) -> Iterator[Requirement]:
    for line in requirements.splitlines():
        text = line.partition(" #")[0].partition(" \\")[0].strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise UserError(f"requirements.txt: {text}: {error}") from error
        if requirement.specifier and (requirement.marker is None or requirement.marker.evaluate()):
            yield requirement


def python_with_pins(requirements: str) -> Path:
    """The interpreter of an environment with exactly these pins, created once for each set of pins.

    Raises:
        UserError: the package index does not have them, or does not answer.
    """
    digest = sha256_bytes(f"{sys.version_info[:2]}\n{requirements}".encode())[:16]
    folder = (ENVIRONMENTS / digest).absolute()
    python = folder / "bin/python"
    if (folder / COMPLETE).is_file():
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    listed = folder / "requirements.txt"
    write_text(listed, requirements)
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(listed)])
    write_text(folder / COMPLETE, "")
    return python


def _run(command: list[str]) -> None:
    found = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if found.returncode:
        message = " ".join(found.stderr.split()[-60:])
        raise UserError(f"the environment of the tag cannot be created: {message}")


def environment_variables(python: Path) -> Mapping[str, str]:
    """The variables of this process, with the commands of the environment of `python` first in PATH."""
    variables = {name: value for name, value in subprocess_env(python).items() if name not in OF_A_STAGE}
    return {**variables, "DVC_NO_ANALYTICS": "1"}
