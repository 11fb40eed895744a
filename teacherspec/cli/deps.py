"""`python -m teacherspec deps [--write]`."""

from pathlib import Path

import click

from teacherspec.door import plain_errors
from teacherspec.errors import UserError
from teacherspec.files import write_text
from teacherspec.road.stages import ROAD, differences, mended, write_links, wrong_links


@click.command("deps")
@click.option("--write", is_flag=True, help="Mend the code dependencies in dvc.yaml, and kinds/.")
@plain_errors()
def command(write: bool) -> None:
    """Compare the code files that dvc.yaml declares with those that the stages import.

    What only one kind of task runs is declared as links below kinds/<task.kind>/; commit new ones.

    Exit code 0: they are the same, or were made so; 1: they differ, the differences are shown.
    """
    root = Path()
    found = [*map(str, differences(root)), *wrong_links(root)]
    if found and write:
        write_text(ROAD, mended(root))
        write_links(root)
        click.echo("\n".join(found))
    elif found:
        raise UserError([*found, "mend with `python -m teacherspec deps --write`"])
    else:
        click.echo(f"{ROAD}: the declared code is the imported code")
