"""Read, validate, clean, de-duplicate and split the declared rows."""

from pathlib import Path

import click

from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.runtime.machine import working_memory
from teacherspec.runtime.numpy_determinism import pin_numpy
from teacherspec.runtime.terminal import print_lines
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    prepare: Prepare


@click.command()
@click.argument("artifacts", type=click.Path(path_type=Path))
@click.argument("reports", type=click.Path(path_type=Path))
@report_user_errors()
def main(artifacts: Path, reports: Path) -> None:
    """Write the splits to ARTIFACTS and the report on them to REPORTS."""
    pin_numpy()
    with record_run():
        from teacherspec.prepare.report.report import describe_rows
        from teacherspec.prepare.run import prepare

        spec = load_sections(Sections)
        task = spec.task
        memory = working_memory()
        prepared = prepare(Path.cwd(), task.kind, task.row_schema(), spec.prepare, artifacts, reports, memory)
        rows = read_json(reports / "metrics.json")["rows"]
        print_lines(*describe_rows(rows, spec.prepare.policies()))
        print_lines(", ".join(f"{split.name} {split.rows:,}" for split in prepared.splits.values()))
        print_lines(f"Examples, classes, drift and advice: {reports / 'report.md'}")


if __name__ == "__main__":
    main()
