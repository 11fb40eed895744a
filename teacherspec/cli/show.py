"""`teacherspec show`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import load_sections, report_user_errors
from teacherspec.spec.section import Section

ARTIFACTS, REPORTS = Path("artifacts"), Path("reports")
TEACHER, TIMING = ARTIFACTS / "teacher", REPORTS / "evaluate/latency.json"


@click.command("show")
@report_user_errors()
def command() -> None:
    """Show how good the built teacher is, whether its gates pass, and where it is.

    Exit code 0: shown; 1: there is no teacher yet, or the declaration is invalid.
    """
    from teacherspec.package.card.terminal_summary import print_summary
    from teacherspec.package.quality_gates import evaluate_gates
    from teacherspec.package.run import PackageResult, size_of
    from teacherspec.package.stage_outputs import Stages, load_stage_outputs
    from teacherspec.spec.package import Package

    class Sections(Section):
        package: Package

    gates = load_sections(Sections).package.gates
    if not TEACHER.is_dir():
        raise UserError(
            f"{TEACHER}: there is no teacher yet; run `dvc repro`, or `dvc checkout` if dvc.lock names one"
        )
    evidence = load_stage_outputs(Stages(ARTIFACTS, REPORTS))
    print_summary(
        PackageResult(evidence, evaluate_gates(gates, evidence.reports), TEACHER, size_of(TEACHER)), TIMING
    )
