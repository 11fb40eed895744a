"""Pin the base model, check that it fits task, data and memory, and measure it untrained."""

from pathlib import Path

import click

from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.cpu_determinism import pin_if_declared
from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.runtime.terminal import print_lines
from teacherspec.spec.base_candidates import DeclaredBase
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    base: DeclaredBase


@click.command()
@click.argument("prepared", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("reports", type=click.Path(path_type=Path))
@report_user_errors()
def main(prepared: Path, reports: Path) -> None:
    """Check the declared base against the splits in PREPARED; write manifest and fit report to REPORTS."""
    pin_if_declared(load_sections(Sections).base.reproducibility)
    with record_run():
        from teacherspec.base.candidates.report import verdict
        from teacherspec.base.run import BASELINES, run_base

        spec = load_sections(Sections)
        fit = run_base(spec.task, spec.base, prepared, reports)
        if candidates := read_json(reports / "candidates.json"):
            print_lines(verdict(candidates))
        untrained = BASELINES[spec.task.output_type].headline(fit["untrained"])
        print_lines(f"{fit['architecture']}: {fit['parameters']['total']:,} parameters, {untrained}")


if __name__ == "__main__":
    main()
