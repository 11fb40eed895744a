"""`teacherspec status`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("status")
@report_user_errors()
def command() -> None:
    """Show which stages are up to date, which are stale and why, and how each was last built.

    Reads git's files only: no data, cache or remote is needed. A stage that follows a stale one runs only if
    its inputs change.

    Exit code 0: shown; 1: dvc.yaml or dvc.lock cannot be read.
    """
    from teacherspec.run_records.status import status
    from teacherspec.run_records.teachers import for_each_teacher

    def work() -> int:
        for line in status(Path()):
            print_lines(line)
        return 0

    if code := for_each_teacher(work):
        raise SystemExit(code)
