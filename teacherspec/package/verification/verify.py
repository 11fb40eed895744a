"""Whether the parts of a package agree with each other, checked from the package alone.

Files and checksums come first: files that they refuse are never loaded. The later checks find changes by
somebody who also rewrote `SHA256SUMS`, as far as the package contradicts itself; only a signature proves who
wrote it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from teacherspec.package.golden_examples import check_golden
from teacherspec.package.output_types import OUTPUT_TYPES, PackagedOutputs
from teacherspec.package.provenance.signing import Signature
from teacherspec.package.verification.consistency_checks import (
    check_digests,
    check_numbers,
    check_verdict,
    check_vocabulary,
)
from teacherspec.package.verification.file_allowlist import check_checksums, check_files
from teacherspec.package.verification.package_reader import OpenedPackage, open_package


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        name: of the check.
        problems: everything that is wrong; empty when the check passed.
        skipped: not checked, because an earlier check failed.
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
    safety["metadata"] = check_metadata
    contents: dict[str, Callable[[OpenedPackage], Iterator[str]]] = {
        "labels": lambda opened: _of_type(opened).check_labels(opened),
        "vocabulary": check_vocabulary,
        "provenance": check_digests,
        "gates": check_verdict,
        "numbers": lambda opened: check_numbers(opened, _of_type(opened).target_statistics),
        "golden": check_golden,
        "soft targets": lambda opened: _of_type(opened).check_targets(opened),
        "calibration": lambda opened: _of_type(opened).check_calibration(opened),
    }
    checks: list[Check] = []
    for name, check in safety.items():
        checks.append(Check(name, tuple(check(folder))))
        if checks[-1].problems:
            rest = [*safety, *contents][len(checks) :]
            return (*checks, *(Check(name, skipped=True) for name in rest))
    opened = open_package(folder)
    return (*checks, *(Check(name, tuple(check_content(opened))) for name, check_content in contents.items()))


def _of_type(opened: OpenedPackage) -> PackagedOutputs:
    return OUTPUT_TYPES[opened.task.output_type]


def check_metadata(folder: Path) -> list[str]:
    """Whether `metadata.json`, the declaration and the reports can be read at all."""
    try:
        open_package(folder)
    except ValidationError as error:
        return [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()]
    except (KeyError, ValueError) as error:
        return [f"cannot be read: {error}"]
    return []
