"""`teacherspec verify-lock`."""

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("verify-lock")
@click.option(
    "--staged", is_flag=True, help="Check what is staged for the next commit, not the working tree."
)
@report_user_errors()
def command(staged: bool) -> None:
    """Check that dvc.lock, code, params and committed reports agree.

    Reads git's files only: no data, cache or remote is needed.

    Exit code 0: they agree; 1: they do not, each problem on a line of its own.
    """
    from teacherspec.run_records.teachers import for_each_teacher

    if code := for_each_teacher(lambda: _verify(staged)):
        raise SystemExit(code)


def _verify(staged: bool) -> int:
    """Check the teacher in the current folder. Raises `UserError`."""
    from teacherspec.run_records.lock_check import check_lock
    from teacherspec.run_records.staged_files import staged_files

    if staged:
        with staged_files() as root:
            found = check_lock(root)
    else:
        found = check_lock()
    print_lines(f"lock         {'FAILED' if found else 'ok'}")
    if found:
        raise UserError([str(finding) for finding in found])
    return 0
