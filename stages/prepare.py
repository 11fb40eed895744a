"""Read, validate, clean and split the declared rows: the first stage of the road."""

from pathlib import Path

import click

from teacherspec.declaration.loading import load_sections
from teacherspec.errors import UserError
from teacherspec.prepare.run import prepare
from teacherspec.prepare.section import Prepare
from teacherspec.section import Section
from teacherspec.tasks import Task


class Declared(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    prepare: Prepare


@click.command()
@click.argument("artifacts", type=click.Path(path_type=Path))
@click.argument("reports", type=click.Path(path_type=Path))
def main(artifacts: Path, reports: Path) -> None:
    """Write the splits to ARTIFACTS and the report on them to REPORTS."""
    try:
        declared = load_sections(Declared)
        task = declared.task
        prepared = prepare(Path.cwd(), task.kind, task.row_fields(), declared.prepare, artifacts, reports)
    except UserError as error:
        click.echo(error, err=True)
        raise SystemExit(1) from error
    for split in prepared.splits.values():
        click.echo(f"{split.name}: {split.rows} rows")


if __name__ == "__main__":
    main()
