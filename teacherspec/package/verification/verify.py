"""Whether the parts of a package agree with each other, checked from the package alone.

Files, checksums and metadata come first: files that they refuse are never loaded. Everything later runs in
one child process with limits on time and memory, because what is loaded is untrusted. The later checks find
changes by somebody who also rewrote `SHA256SUMS`, as far as the package contradicts itself; only a signature
proves who wrote it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from teacherspec.package.golden_examples import check_golden
from teacherspec.package.output_types import OUTPUT_TYPES, PackagedOutputs
from teacherspec.package.provenance.attested_build import AttestedBuild
from teacherspec.package.provenance.signing import Signature
from teacherspec.package.verification.checksums import files_below
from teacherspec.package.verification.consistency_checks import (
    check_digests,
    check_reports,
    check_verdict,
    check_vocabulary,
)
from teacherspec.package.verification.package_reader import OpenedPackage, RowChoice, open_package
from teacherspec.package.verification.rebuilt_files import check_cards, check_metadata_fields
from teacherspec.package.verification.static_checks import STATIC, reasons
from teacherspec.runtime.bounded_child import Limits, run_bounded

MEMORY_BYTES = 4 << 30
"""Memory for loading and computing, beyond what the weights take."""

WEIGHTS_FACTOR = 4
"""Memory for each byte of weights: mapped, read as float32 from a type of half the size, and once copied."""

SECONDS = 60
SECONDS_PER_MEGABYTE, MEGABYTES = 20, 150
SECONDS_PER_GIGABYTE = 2_400
"""Processor time for a package, for each of its first megabytes, and for each gigabyte: of small models more
rows are computed."""

WALL_FACTOR = 5
"""How much longer than its processor time a child may take on a machine with other work."""


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        name: of the check.
        problems: everything that is wrong; empty when the check passed.
        skipped: not checked, because an earlier check failed.
        note: what was looked at, where that is not everything.
    """

    name: str
    problems: tuple[str, ...] = ()
    skipped: bool = False
    note: str = ""


CONTENTS: Mapping[str, Callable[[OpenedPackage], Iterator[str]]] = {
    "labels": lambda opened: _of_type(opened).check_labels(opened),
    "vocabulary": check_vocabulary,
    "provenance": check_digests,
    "gates": check_verdict,
    "reports": check_reports,
    "golden": check_golden,
    "numbers": check_metadata_fields,
    "cards": check_cards,
    "soft targets": lambda opened: _of_type(opened).check_targets(opened),
    "calibration": lambda opened: _of_type(opened).check_calibration(opened),
}
"""Name → check of what a package holds, each run whatever the others find."""


def verify(
    folder: Path,
    signature: Signature | None = None,
    choice: RowChoice | None = None,
    limits: Limits | None = None,
    build: AttestedBuild | None = None,
) -> tuple[Check, ...]:
    """Check the package in `folder`.

    Args:
        folder: the package.
        signature: what must sign it, where that is known.
        choice: which soft targets are computed again; None for a draw that nobody can know beforehand.
        limits: of the child process that loads the package; None for those of its size.
        build: what must attest it, where that is known.

    Returns:
        All checks in their order; those after a failed `files`, `checksums`, `signature`, `attestation` or
        `metadata` are skipped, because nothing unknown is loaded.
    """
    safety = {name: check for name, check in STATIC.items() if name != "metadata"}
    if signature is not None:
        safety["signature"] = signature.problems
    if build is not None:
        safety["attestation"] = build.problems
    safety["metadata"] = STATIC["metadata"]
    checks: list[Check] = []
    for name, check in safety.items():
        checks.append(Check(name, tuple(reasons(partial(check, folder)))))
        if checks[-1].problems:
            rest = [*safety, *CONTENTS][len(checks) :]
            return (*checks, *(Check(name, skipped=True) for name in rest))
        if name == "attestation" and build is not None:
            checks[-1] = replace(checks[-1], note=build.summary())
    return (*checks, *_bounded(folder, choice or RowChoice(), limits or limits_of(folder)))


def limits_of(folder: Path) -> Limits:
    """What loading a package of this size and computing with it may take."""
    sizes = {name: (folder / name).stat().st_size for name in files_below(folder)}
    weights = sum(size for name, size in sizes.items() if name.endswith(".safetensors"))
    total = sum(sizes.values())
    seconds = SECONDS + total * SECONDS_PER_GIGABYTE // 10**9
    seconds += SECONDS_PER_MEGABYTE * min(MEGABYTES, total // 10**6)
    return Limits(seconds, MEMORY_BYTES + WEIGHTS_FACTOR * weights, WALL_FACTOR * seconds)


def _bounded(folder: Path, choice: RowChoice, limits: Limits) -> Iterator[Check]:
    """The checks of the contents. The one that ends the child fails, those after it are skipped."""
    outcome = run_bounded(check_contents, (folder, choice), limits)
    done = {check.name: check for check in outcome.messages}
    failure = outcome.failure
    for name in CONTENTS:
        if name in done:
            yield done[name]
        elif failure is not None:
            yield Check(name, (failure,))
            failure = None
        else:
            yield Check(name, skipped=True)


def check_contents(request: tuple[Path, RowChoice]) -> Iterator[Check]:
    """The checks of the contents in their order, for the child process."""
    folder, choice = request
    opened = open_package(folder, choice)
    for name, check in CONTENTS.items():
        found = Check(name, tuple(reasons(partial(check, opened))))
        yield replace(found, note=_rows_looked_at(opened)) if name == "soft targets" else found


def _rows_looked_at(opened: OpenedPackage) -> str:
    """How many soft targets the model computed again."""
    chosen = opened.chosen
    stated = opened.metadata.soft_targets.rows
    parts = [f"{len(places)} of {stated[split]} rows of {split}" for split, places in chosen.items()]
    return f"computed again: {', '.join(parts)}" if parts else ""


def _of_type(opened: OpenedPackage) -> PackagedOutputs:
    return OUTPUT_TYPES[opened.task.output_type]
