"""Check `evaluate`, `probe` and `package` against the prepared rows and the base, before the training."""

from pathlib import Path

import click

from teacherspec.check_rows.run import check_rows
from teacherspec.runtime.atomic_io import write_json, write_text
from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.package import Package
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.section import Section
from teacherspec.tasks import Task

FIT = "evaluate, probe and package fit the rows and the base\n"
"""Never changes, so that an edit of these sections makes `finetune` wait for this stage and not run again."""


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    evaluate: Evaluate
    probe: Probe
    package: Package


@click.command()
@click.argument("prepared", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("base", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("student", type=click.Path(dir_okay=False, path_type=Path))
@report_user_errors()
@record_run()
def main(prepared: Path, base: Path, output: Path, student: Path) -> None:
    """Check the declaration against PREPARED and the reports of BASE; write the constant OUTPUT.

    The comparison with the declared student goes to STUDENT, which is empty without one.
    """
    spec = load_sections(Sections)
    compared = check_rows(spec.task, spec.evaluate, spec.probe, spec.package, prepared, base)
    write_json(student, compared or {})
    write_text(output, FIT)


if __name__ == "__main__":
    main()
