"""Whether a package is what it says, from the package alone.

Files and checksums come first: what they refuse is never loaded. The later checks find what somebody who
also rewrote `SHA256SUMS` changed, as far as the package contradicts itself; only a signature says who
wrote it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from teacherspec.package.classification.verify import wrong_golden
from teacherspec.package.consistency_checks import (
    check_digests,
    check_numbers,
    check_verdict,
    check_vocabulary,
)
from teacherspec.package.file_allowlist import check_checksums, check_files
from teacherspec.package.output_types import FORMS
from teacherspec.package.package_reader import OpenedPackage, open_package
from teacherspec.package.signing import Signature


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        problems: everything wrong with it; empty when it passed.
        skipped: not looked at, because an earlier check failed.
    """

    name: str
    problems: tuple[str, ...] = ()
    skipped: bool = False


def verify(folder: Path, signature: Signature | None = None) -> tuple[Check, ...]:
    """Check the package in `folder`.

    Args:
        folder: the package.
        signature: what must sign it, where that is known.

    Returns:
        All checks in their order; those after a failed `files`, `checksums`, `signature` or `metadata` are
        skipped, because nothing unknown is loaded.
    """
    safety: dict[str, Callable[[Path], list[str]]] = {"files": check_files, "checksums": check_checksums}
    if signature is not None:
        safety["signature"] = signature.problems
    safety["metadata"] = broken_metadata
    contents: dict[str, Callable[[OpenedPackage], Iterator[str]]] = {
        "labels": lambda opened: FORMS[opened.task.output_type].labels(opened),
        "vocabulary": check_vocabulary,
        "provenance": check_digests,
        "gates": check_verdict,
        "numbers": lambda opened: check_numbers(opened, FORMS[opened.task.output_type].statistics),
        "golden": wrong_golden,
        "soft targets": lambda opened: FORMS[opened.task.output_type].targets(opened),
        "calibration": lambda opened: FORMS[opened.task.output_type].calibration(opened),
    }
    checks: list[Check] = []
    for name, look in safety.items():
        checks.append(Check(name, tuple(look(folder))))
        if checks[-1].problems:
            rest = [*safety, *contents][len(checks) :]
            return (*checks, *(Check(name, skipped=True) for name in rest))
    opened = open_package(folder)
    return (*checks, *(Check(name, tuple(find(opened))) for name, find in contents.items()))


def broken_metadata(folder: Path) -> list[str]:
    """Whether `metadata.json`, the declaration and the reports can be read at all."""
    try:
        open_package(folder)
    except ValidationError as error:
        return [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()]
    except (KeyError, ValueError) as error:
        return [f"cannot be read: {error}"]
    return []
