"""`teacherspec verify-package DIR`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines

if TYPE_CHECKING:
    from teacherspec.package.provenance.attested_build import AttestedBuild
    from teacherspec.package.provenance.signing import Signature
    from teacherspec.runtime.bounded_child import Limits

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
GIBIBYTE = 1 << 30
UNSIGNED = "signature    not checked: give --signature and --public-key to know who made it"
UNTAGGED = (
    "tag          not checked against a signed attestation: an older package in place of a newer one passes"
)


@click.command("verify-package")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--signature", type=FILE, help="Detached signature that the package must have.")
@click.option("--public-key", type=FILE, help="PEM key of who must have made the signatures.")
@click.option(
    "--attestation", type=FILE, help="Statement of `write-attestation` that must be of the package."
)
@click.option("--attestation-signature", type=FILE, help="Detached signature that the statement must have.")
@click.option("--expect-repo", metavar="URL", help="Repository that the statement must name.")
@click.option("--expect-commit", metavar="HASH", help="Full hash of the commit that it must name.")
@click.option("--expect-tag", metavar="TAG", help="Tag that it must name, such as teacher@v1.2.0.")
@click.option("--all-rows", is_flag=True, help="Compute every soft target again, not only drawn ones.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the draw; default: another one each time.")
@click.option(
    "--minutes", type=click.IntRange(1), help="Most processor time; default: by the package's size."
)
@click.option("--memory-gib", type=click.IntRange(1), help="Most memory; default: by the package's size.")
@report_user_errors()
def command(
    folder: Path,
    signature: Path | None,
    public_key: Path | None,
    attestation: Path | None,
    attestation_signature: Path | None,
    expect_repo: str | None,
    expect_commit: str | None,
    expect_tag: str | None,
    all_rows: bool,
    seed: int | None,
    minutes: int | None,
    memory_gib: int | None,
) -> None:
    """Check that the teacher package in DIR is complete, safe, and gives the logits it was packed with.

    Nothing but the package is needed. Nothing is loaded before its files are known and unchanged, and then
    only in a process with limits on time and memory. Large models compute some rows of the soft targets
    again, drawn anew each time; the output says how many.

    Without a signature and a key of somebody you trust, all of this shows that a package agrees with itself,
    not who made it. A package holds no version: only a signed attestation shows that an older one was put in
    its place.

    Exit code 0: all checks passed; 1: one failed, each problem on a line of its own.
    """
    from teacherspec.package.provenance.signing import Signature
    from teacherspec.package.verification.package_reader import RowChoice, require_package
    from teacherspec.package.verification.verify import verify

    if bool(signature or attestation_signature) != bool(public_key):
        raise click.UsageError(
            "--signature or --attestation-signature and --public-key belong together: give both or none"
        )
    signed = Signature(signature, public_key) if signature and public_key else None
    second = Signature(attestation_signature, public_key) if attestation_signature and public_key else None
    build = _build(attestation, second, expect_repo, expect_commit, expect_tag)
    require_package(folder)
    choice = RowChoice(every=all_rows) if seed is None else RowChoice(seed, all_rows)
    checks = verify(folder, signed, choice, _limits(folder, minutes, memory_gib), build)
    for check in checks:
        state = "skipped" if check.skipped else "FAILED" if check.problems else "ok"
        note = f" ({check.note})" if check.note and state == "ok" else ""
        print_lines(f"{check.name:12} {state}{note}")
    if any(check.name == "metadata" and not check.problems and not check.skipped for check in checks):
        print_lines(f"versions     {_versions(folder)}")
    for line in _unchecked(signed, build):
        print_lines(line)
    problems = [f"{check.name}: {problem}" for check in checks for problem in check.problems]
    if problems:
        raise UserError(problems)


def _build(
    attestation: Path | None,
    signature: "Signature | None",
    repository: str | None,
    commit: str | None,
    tag: str | None,
) -> "AttestedBuild | None":
    """What must attest the package.

    Raises:
        click.UsageError: something is expected of an attestation that is not given, or is none of its kind.
    """
    from teacherspec.package.provenance.attested_build import AttestedBuild
    from teacherspec.package.provenance.git_commit import public_url

    if attestation is None:
        if signature or repository is not None or commit is not None or tag is not None:
            raise click.UsageError(
                "--attestation-signature and --expect-… are about --attestation: give its file too"
            )
        return None
    place = None if repository is None else public_url(repository)
    if repository is not None and place is None:
        raise click.UsageError(f"--expect-repo: {repository} is no https://host/owner/name")
    if commit is not None and not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise click.UsageError(f"--expect-commit: {commit} is no full hash (40 or 64 digits, small letters)")
    return AttestedBuild(attestation, place, commit, tag, signature)


def _limits(folder: Path, minutes: int | None, memory_gib: int | None) -> "Limits":
    """The limits that are given; others by the size of the package."""
    from teacherspec.package.verification.verify import WALL_FACTOR, limits_of

    limits = limits_of(folder)
    if minutes is not None:
        limits = replace(limits, cpu_seconds=60 * minutes, wall_seconds=60 * minutes * WALL_FACTOR)
    if memory_gib is not None:
        limits = replace(limits, memory_bytes=GIBIBYTE * memory_gib)
    return limits


def _unchecked(signed: "Signature | None", build: "AttestedBuild | None") -> Iterator[str]:
    """What nobody checked, because it was not given."""
    attested = build is not None and build.signature is not None
    if signed is None and not attested:
        yield UNSIGNED
    if build is None or build.tag is None or not attested:
        yield UNTAGGED


def _versions(folder: Path) -> str:
    """Which version of transformers computed the logits here, and which others the package names."""
    from importlib.metadata import version

    oldest = read_json(folder / "metadata.json").get("least_transformers")
    named = "the package names none" if oldest is None else f"the package names {oldest} as the oldest"
    return f"transformers {version('transformers')} alone was run; {named}"
