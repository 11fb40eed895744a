"""Teach small students with and without the teacher; it runs no teacher."""

from pathlib import Path

import click

from teacherspec.runtime.cpu_determinism import declared_in, pin_if_declared
from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    probe: Probe


@click.command()
@click.argument("artifacts", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("base", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("report", type=click.Path(path_type=Path))
@report_user_errors()
def main(artifacts: Path, base: Path, output: Path, report: Path) -> None:
    """Probe the teacher by its predictions in ARTIFACTS; BASE holds the reports on its base.

    Writes the scores of rows to OUTPUT, numbers and plots to REPORT.
    """
    if load_sections(Sections).probe.students:
        pin_if_declared(declared_in(base / "manifest.json"))
    with record_run():
        from teacherspec.probe.run import run_probe
        from teacherspec.probe.sources import Sources
        from teacherspec.splits import load_prepared

        spec = load_sections(Sections)
        schema = spec.task.row_schema()
        content, answers = ([column.name for column in part] for part in (schema.content, schema.answers))
        sources = Sources(load_prepared(artifacts / "prepare"), content, artifacts, answers)
        for line in run_probe(spec.probe, sources, base / "fit.json", output, report):
            click.echo(line)


if __name__ == "__main__":
    main()
