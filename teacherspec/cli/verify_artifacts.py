"""`teacherspec verify-artifacts`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors


@click.command("verify-artifacts")
@report_user_errors()
def command() -> None:
    """Check that every file which dvc.lock names has the bytes its stage wrote, here and in DVC's cache.

    Every byte is read: DVC itself trusts write-protected files in its cache.

    Exit code 0: all bytes are as recorded; 1: some are not, each file on a line of its own.
    """
    from dvc.repo import Repo

    from teacherspec.run_records.artifact_hashes import check_artifacts

    with Repo() as repo:
        cache = Path(repo.cache.local.path)
    found, read = check_artifacts(cache)
    click.echo(f"artifacts    {'FAILED' if found else 'ok'}, {read} files read")
    if found:
        raise UserError([str(finding) for finding in found])
