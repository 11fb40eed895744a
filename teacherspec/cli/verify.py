"""`python -m teacherspec verify DIR | --lock | --artifacts`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors

PATH = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("verify")
@click.argument("folder", metavar="[DIR]", required=False, type=FOLDER)
@click.option("--signature", type=PATH, help="Detached signature that the package must have.")
@click.option("--public-key", type=PATH, help="PEM key of who must have made the signature.")
@click.option("--lock", is_flag=True, help="Check dvc.lock against code, params and committed reports.")
@click.option("--artifacts", is_flag=True, help="Hash what lies in the workspace and in DVC's cache.")
@report_user_errors()
def command(
    folder: Path | None, signature: Path | None, public_key: Path | None, lock: bool, artifacts: bool
) -> None:
    """Check that the teacher package in DIR is whole, safe, and gives the logits it was packed with.

    Nothing but the package is needed. Nothing is loaded before its files are known and unchanged.

    With --lock: that dvc.lock, code, params and committed reports agree, from git's files alone. With
    --artifacts: that every file which dvc.lock names, here and in the cache, has the bytes its stage wrote.

    Exit code 0: all checks passed; 1: one failed, each problem on a line of its own; 2: nothing to check.
    """
    if folder is None and not lock and not artifacts:
        raise click.UsageError("give the folder of a package, --lock or --artifacts")
    if (signature is None) != (public_key is None):
        raise click.UsageError("--signature and --public-key belong together: give both or none")
    problems = _package(folder, signature, public_key) if folder else []
    problems += _lock() if lock else []
    problems += _artifacts() if artifacts else []
    if problems:
        raise UserError(problems)


def _package(folder: Path, signature: Path | None, public_key: Path | None) -> list[str]:
    from teacherspec.package.signing import Signature
    from teacherspec.package.verify import verify

    signed = Signature(signature, public_key) if signature and public_key else None
    checks = verify(folder, signed)
    for check in checks:
        state = "skipped" if check.skipped else "FAILED" if check.problems else "ok"
        click.echo(f"{check.name:12} {state}")
    return [f"{check.name}: {problem}" for check in checks for problem in check.problems]


def _lock() -> list[str]:
    from teacherspec.run_records.lock_check import agreement

    found = agreement()
    click.echo(f"lock         {'FAILED' if found else 'ok'}")
    return [str(finding) for finding in found]


def _artifacts() -> list[str]:
    from dvc.repo import Repo

    from teacherspec.run_records.artifact_hashes import altered

    with Repo() as repo:
        cache = Path(repo.cache.local.path)
    found, read = altered(cache)
    click.echo(f"artifacts    {'FAILED' if found else 'ok'}, {read} files read")
    return [str(finding) for finding in found]
