"""Where and how long a stage ran: what no hash covers, and what explains a difference between two builds."""

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

PIN = re.compile(r"([\w.-]+)(?:\[[^]]*\])?==(\S+)")


def circumstances(
    stage: DeclaredStage, params: Mapping[str, Mapping[str, Any]], sealed: str, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """What `run.json` says: the receipt it belongs to, then machine, libraries and times.

    No user, host or path. A stage that came back from the run cache keeps the record of an older run;
    the receipt it names tells which.
    """
    found = hardware()
    return {
        "stage": stage.name,
        "receipt": sealed,
        "level": level(found),
        "python": platform.python_version(),
        "libraries": {name: installed(name) for name in sorted(pins(params))},
        "hardware": found,
        "fingerprint": _fingerprint(),
        "seconds": round_floats(dict(seconds), 3),
    }


def pins(params: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Library → version that the stage declares through the groups of `pyproject.toml`."""
    groups = params.get("pyproject.toml", {}).values()
    matches = [PIN.fullmatch(str(entry)) for group in groups for entry in group]
    return {match[1]: match[2] for match in matches if match}


def installed(library: str) -> str:
    """The version that ran, without its build tag."""
    try:
        return version(library).partition("+")[0]
    except PackageNotFoundError:
        return "not installed"


def level(hardware: Mapping[str, Any]) -> str:
    """The most that a rebuild of this run can promise: R1, R2 or R3 (`docs/gitops.md`)."""
    if hardware["accelerator"] != "none":
        return "R3"
    return "R2" if pinned() else "R1"


def _fingerprint() -> str | None:
    """The digest of this machine's arithmetic, where the stage loaded what computes it."""
    if "torch" not in sys.modules:
        return None
    from teacherspec.run_records.arithmetic_fingerprint import fingerprint

    return fingerprint()
