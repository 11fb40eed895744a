"""`teacherspec verify-package DIR`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.entrypoint import report_user_errors

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("verify-package")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--signature", type=FILE, help="Detached signature that the package must have.")
@click.option("--public-key", type=FILE, help="PEM key of who must have made the signature.")
@report_user_errors()
def command(folder: Path, signature: Path | None, public_key: Path | None) -> None:
    """Check that the teacher package in DIR is complete, safe, and gives the logits it was packed with.

    Nothing but the package is needed. Nothing is loaded before its files are known and unchanged.

    Exit code 0: all checks passed; 1: one failed, each problem on a line of its own.
    """
    from teacherspec.package.provenance.signing import Signature
    from teacherspec.package.verification.verify import verify

    if (signature is None) != (public_key is None):
        raise click.UsageError("--signature and --public-key belong together: give both or none")
    signed = Signature(signature, public_key) if signature and public_key else None
    checks = verify(folder, signed)
    for check in checks:
        state = "skipped" if check.skipped else "FAILED" if check.problems else "ok"
        click.echo(f"{check.name:12} {state}")
    click.echo(f"versions     {_versions(folder)}")
    problems = [f"{check.name}: {problem}" for check in checks for problem in check.problems]
    if problems:
        raise UserError(problems)


def _versions(folder: Path) -> str:
    """Which version of transformers computed the logits here, and which others the package names."""
    from importlib.metadata import version

    try:
        oldest = read_json(folder / "metadata.json").get("least_transformers")
    except (OSError, ValueError, AttributeError):
        oldest = None
    named = "the package names none" if oldest is None else f"the package names {oldest} as the oldest"
    return f"transformers {version('transformers')} alone was run; {named}"
