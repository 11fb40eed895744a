"""Does a teacher beat examples in the prompt of its own base? Run in a repository whose pipeline was run:

python -m benchmarks.few_shot --shots 3
"""

from pathlib import Path

import click

from benchmarks.few_shot.measure import compare
from benchmarks.few_shot.table import lines
from benchmarks.page import fill
from benchmarks.ratios import today
from teacherspec.errors import UserError
from teacherspec.tasks.shared.hf_loading import quiet_libraries

README = Path(__file__).with_name("README.md")


@click.command()
@click.option("--shots", default=3, show_default=True, help="Examples in each prompt.")
@click.option("--seed", default=0, show_default=True, help="Of the examples that are drawn.")
@click.option(
    "--write", is_flag=True, help="Put the table into the README, which has a place for some teachers."
)
def main(shots: int, seed: int, write: bool) -> None:
    """Compare the teacher built here with its untouched base, which reads train rows before each prompt."""
    quiet_libraries()
    try:
        found = compare(shots, seed)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    table = lines(found, today())
    click.echo("\n".join(table))
    if write:
        fill(README, found.name, table)


if __name__ == "__main__":
    main()
