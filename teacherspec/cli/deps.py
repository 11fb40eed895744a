"""`python -m teacherspec deps [--write]`."""

from pathlib import Path

import click

from teacherspec.door import plain_errors
from teacherspec.errors import UserError
from teacherspec.files import write_text
from teacherspec.road.stages import ROAD, differences, mended


@click.command("deps")
@click.option("--write", is_flag=True, help="Mend dvc.yaml: only the lines of code dependencies change.")
@plain_errors()
def command(write: bool) -> None:
    """Compare the code files that dvc.yaml declares with those that the stages import.

    Exit code 0: they are the same, or were made so; 1: they differ, the differences are shown.
    """
    root = Path()
    found = differences(root)
    if found and write:
        write_text(ROAD, mended(root))
        click.echo("\n".join(map(str, found)))
    elif found:
        raise UserError([*map(str, found), "mend with `python -m teacherspec deps --write`"])
    else:
        click.echo(f"{ROAD}: the declared code is the imported code")
