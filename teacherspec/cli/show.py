"""`teacherspec show`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import load_sections, report_user_errors
from teacherspec.spec.section import Section

REPORTS, TEACHER = Path("reports"), Path("artifacts/teacher")
TIMING = REPORTS / "evaluate/latency.json"
ARTIFACTS = tuple(f"artifacts/{name}" for name in ("prepare", "finetune", "evaluate", "calibrate", "teacher"))


@click.command("show")
@click.option("--unchecked", is_flag=True, help="Go without the checks of files, checksums and metadata.")
@report_user_errors()
def command(unchecked: bool) -> None:
    """Show how good the built teacher is, whether its gates pass, and where it and its page are.

    It is the teacher that dvc.lock names, from the workspace, the DVC cache or the remote.

    Exit code 0: shown; 1: there is no teacher yet, its files are nowhere, or the declaration is invalid.
    """
    from teacherspec.run_records.teachers import for_each_teacher

    if code := for_each_teacher(lambda: _show(unchecked)):
        raise SystemExit(code)


def _show(unchecked: bool) -> int:
    """Show the teacher in the current folder. Raises `UserError`."""
    from teacherspec.compare.revision import find_revision
    from teacherspec.package.card.terminal_summary import print_summary
    from teacherspec.package.quality_gates import evaluate_gates
    from teacherspec.package.run import PackageResult, size_of
    from teacherspec.package.stage_outputs import PAGE, Stages, load_stage_outputs
    from teacherspec.package.verification.static_checks import require_sound
    from teacherspec.run_records.recorded_artifact import recorded_artifacts, require_reports
    from teacherspec.spec.package import Package

    class Sections(Section):
        package: Package

    gates = load_sections(Sections).package.gates
    here = find_revision(None)
    if TEACHER.as_posix() not in here.outs:
        raise UserError(f"{TEACHER}: there is no teacher yet; run `teacherspec repro`")
    require_reports(here.outs, [path for stage in here.declared_stages.values() for path in stage.in_git])
    with recorded_artifacts(here.outs, ARTIFACTS) as folder:
        evidence = load_stage_outputs(Stages(folder, REPORTS))
        size = size_of(folder / TEACHER.name)
        elsewhere = (folder / TEACHER.name).resolve() != TEACHER.resolve()
    if not (unchecked or elsewhere):
        require_sound(TEACHER)
    page = REPORTS / PAGE
    print_summary(PackageResult(evidence, evaluate_gates(gates, evidence.reports), TEACHER, size), TIMING)
    if page.as_posix() in here.outs:
        click.echo(f"page  {page}" if page.is_file() else f"page  {page}: not here; run `dvc pull {page}`")
    if elsewhere:
        click.echo(f"{TEACHER}: the workspace holds another teacher or none; run `dvc checkout`", err=True)
    return 0
