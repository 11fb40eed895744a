"""Assemble the teacher package, and check its quality gates."""

from pathlib import Path

import click

from teacherspec.runtime.cpu_determinism import pin_if_declared
from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.spec.base_candidates import DeclaredBase
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Sections(Section):
    """What this stage reads of `params.yaml`: all, to record what the teacher was made from."""

    task: Task
    prepare: Prepare
    base: DeclaredBase
    finetune: Finetune
    evaluate: Evaluate
    calibrate: Calibrate
    probe: Probe
    package: Package


@click.command()
@click.argument("artifacts", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("reports", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("teacher", type=click.Path(path_type=Path))
@click.argument("report", type=click.Path(path_type=Path))
@report_user_errors()
def main(artifacts: Path, reports: Path, teacher: Path, report: Path) -> None:
    """Write the TEACHER and its REPORT from ARTIFACTS and REPORTS; name the gates that it fails."""
    pin_if_declared(load_sections(Sections).base.reproducibility)
    with record_run():
        from teacherspec.package.run import run_package
        from teacherspec.package.stage_outputs import Stages

        spec, stages = load_sections(Sections), Stages(artifacts, reports)
        packaged = run_package(spec.package, spec.task, spec.model_dump(mode="json"), stages, teacher, report)
        if failed := [gate.gate.metric for gate in packaged.gates if not gate.passed]:
            click.echo(f"warning: not ready: {teacher} fails {', '.join(failed)}", err=True)
        click.echo(f"{teacher} is packaged; `teacherspec show` prints its quality and gates")


if __name__ == "__main__":
    main()
