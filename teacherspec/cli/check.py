"""`teacherspec check [FILE]`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import PARAMS, report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), default=PARAMS)
@report_user_errors()
def command(file: Path) -> None:
    """Validate the declaration in FILE (params.yaml by default) and report all mistakes at once.

    Exit code 0: valid; 1: invalid, each problem on a line of its own as FILE:LINE:COLUMN: key: problem;
    2: wrong usage.
    """
    from teacherspec.check.run import check

    spec = check(file)
    print_lines(f"{file}: ok ({spec.task.kind})")
