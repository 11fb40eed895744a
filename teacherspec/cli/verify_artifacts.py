"""`teacherspec verify-artifacts`."""

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("verify-artifacts")
@report_user_errors()
def command() -> None:
    """Check that every file which dvc.lock names has the bytes its stage wrote, here and in DVC's cache.

    Every byte is read: DVC itself trusts write-protected files in its cache.

    Exit code 0: all bytes that are here are as recorded, and outputs that are nowhere are named; 1: some are
    not, each file on a line of its own, or no output is here at all.
    """
    from teacherspec.run_records.artifact_hashes import check_artifacts
    from teacherspec.run_records.dvc_cache import local_cache

    found = check_artifacts(local_cache().folder)
    failed = bool(found.findings) or not found.files
    print_lines(f"artifacts    {'FAILED' if failed else 'ok'}, {found.files} files read")
    if found.absent:
        print_lines(f"not here     {', '.join(found.absent)}; `dvc pull` brings them")
    if failed:
        raise UserError([str(finding) for finding in found.findings] or "no output of dvc.lock is here")
