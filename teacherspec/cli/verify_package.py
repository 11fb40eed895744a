"""`teacherspec verify-package DIR`."""

from dataclasses import replace
from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
GIBIBYTE = 1 << 30


@click.command("verify-package")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--signature", type=FILE, help="Detached signature that the package must have.")
@click.option("--public-key", type=FILE, help="PEM key of who must have made the signature.")
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
    not who made it.

    Exit code 0: all checks passed; 1: one failed, each problem on a line of its own.
    """
    from teacherspec.package.provenance.signing import Signature
    from teacherspec.package.verification.package_reader import RowChoice, require_package
    from teacherspec.package.verification.verify import WALL_FACTOR, limits_of, verify

    if (signature is None) != (public_key is None):
        raise click.UsageError("--signature and --public-key belong together: give both or none")
    require_package(folder)
    signed = Signature(signature, public_key) if signature and public_key else None
    choice = RowChoice(every=all_rows) if seed is None else RowChoice(seed, all_rows)
    limits = limits_of(folder)
    if minutes is not None:
        limits = replace(limits, cpu_seconds=60 * minutes, wall_seconds=60 * minutes * WALL_FACTOR)
    if memory_gib is not None:
        limits = replace(limits, memory_bytes=GIBIBYTE * memory_gib)
    checks = verify(folder, signed, choice, limits)
    for check in checks:
        state = "skipped" if check.skipped else "FAILED" if check.problems else "ok"
        note = f" ({check.note})" if check.note and state == "ok" else ""
        print_lines(f"{check.name:12} {state}{note}")
    if any(check.name == "metadata" and not check.problems and not check.skipped for check in checks):
        print_lines(f"versions     {_versions(folder)}")
    if signed is None:
        print_lines("signature    not checked: give --signature and --public-key to know who made it")
    problems = [f"{check.name}: {problem}" for check in checks for problem in check.problems]
    if problems:
        raise UserError(problems)


def _versions(folder: Path) -> str:
    """Which version of transformers computed the logits here, and which others the package names."""
    from importlib.metadata import version

    oldest = read_json(folder / "metadata.json").get("least_transformers")
    named = "the package names none" if oldest is None else f"the package names {oldest} as the oldest"
    return f"transformers {version('transformers')} alone was run; {named}"
