"""`python -m teacherspec check [FILE]`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import PARAMS, report_user_errors


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), default=PARAMS)
@report_user_errors()
def command(file: Path) -> None:
    """Say that FILE (params.yaml by default) is right, or everything that is wrong with it.

    Exit code 0: right; 1: wrong, each problem on a line of its own as FILE:LINE:COLUMN: key: what;
    2: wrong usage.
    """
    from teacherspec.check.run import check

    spec = check(file)
    click.echo(f"{file}: ok (a {spec.task.kind} teacher)")
