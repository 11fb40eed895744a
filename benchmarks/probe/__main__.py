"""Whether the student probe ranks teachers as it should: `python -m benchmarks.probe teachers`, …."""

from pathlib import Path

import click

WORK = Path(".scratch/probe")


@click.group()
def main() -> None:
    """Build teachers whose worth is known, and probe them."""


@main.command()
@click.option("--work", default=WORK, type=click.Path(path_type=Path), help="Scratch.")
def teachers(work: Path) -> None:
    """Train what is missing in the scratch folder."""
    from benchmarks.probe.teachers import train_missing

    train_missing(work)


main()
