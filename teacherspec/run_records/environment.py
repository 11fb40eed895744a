"""Where and how long a stage ran: covered by no hash, and the likely cause where two builds differ."""

import platform
import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from teacherspec.run_records.dvc_yaml import DeclaredStage
from teacherspec.run_records.hardware import hardware
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.runtime.cpu_determinism import pinned

PINNING = frozenset({"pyproject.toml", "versions.yaml"})
"""Files whose groups pin libraries: of this project, and of a repository that `teacherspec init` made."""

PIN = re.compile(r"([\w.-]+)(?:\[[^]]*\])?==(\S+)")


def run_environment(
    stage: DeclaredStage, params: Mapping[str, Mapping[str, Any]], receipt: str, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """The content of `run.json`: the receipt it belongs to, then machine, libraries and times.

    It names no user, host or path. A stage restored from the run cache keeps the record of an older run;
    the receipt named in it shows that.

    Args:
        stage: that ran.
        params: file → key → value.
        receipt: its MD5.
        seconds: how long each part of the run took.
    """
    found = hardware()
    return {
        "stage": stage.name,
        "receipt": receipt,
        "level": level(found),
        "python": platform.python_version(),
        "libraries": {name: installed(name) for name in sorted(pins(params))},
        "hardware": found,
        "fingerprint": _fingerprint(),
        "seconds": round_floats(dict(seconds), 3),
    }


def pins(params: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Library → version that the stage declares through groups of `pyproject.toml` or `versions.yaml`."""
    declared = (values for file, values in params.items() if file in PINNING)
    groups = (group for values in declared for group in values.values() if isinstance(group, list))
    matches = [PIN.fullmatch(str(entry)) for group in groups for entry in group]
    return {match[1]: match[2] for match in matches if match}


def installed(library: str) -> str:
    """The version that ran, without its build tag."""
    try:
        return version(library).partition("+")[0]
    except PackageNotFoundError:
        return "not installed"


def level(hardware: Mapping[str, Any]) -> str:
    """The highest level of reproduction that a rebuild can reach: R1, R2 or R3 (docs/gitops.md)."""
    if hardware["accelerator"] != "none":
        return "R3"
    return "R2" if pinned() else "R1"


def _fingerprint() -> str | None:
    """The digest of this machine's arithmetic; None where the stage did not load torch."""
    if "torch" not in sys.modules:
        return None
    from teacherspec.run_records.arithmetic_fingerprint import fingerprint

    return fingerprint()
