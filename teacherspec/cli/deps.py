"""`python -m teacherspec deps [--write]`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.road.links import CODE, write_links, wrong_links
from teacherspec.road.stages import ROAD, differences
from teacherspec.runtime.entrypoint import report_user_errors


@click.command("deps")
@click.option("--write", is_flag=True, help="Mend the links below code/; commit them.")
@report_user_errors()
def command(write: bool) -> None:
    """Compare the code that the road declares with the code that its stages import.

    A stage depends on code/<stage>/, links to exactly the files that it runs, and on code/<task.kind>/, links
    to what only teachers of that kind run.

    Exit code 0: they are the same, or were made so; 1: they differ, the differences are shown.
    """
    root = Path()
    links, declared = wrong_links(root), [str(difference) for difference in differences(root)]
    if links and write:
        write_links(root)
        click.echo("\n".join([*links, f"mended; commit with `git add {CODE}`"]))
    elif links:
        links.append("mend the links with `python -m teacherspec deps --write`")
    if declared or (links and not write):
        raise UserError([*([] if write else links), *declared])
    if not links:
        click.echo(f"{ROAD}, {CODE}/: the declared code is the imported code")
