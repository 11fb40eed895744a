"""`teacherspec push [DIR]`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import load_sections, report_user_errors
from teacherspec.runtime.terminal import print_lines
from teacherspec.spec.section import Section

TEACHER = Path("artifacts/teacher")


@click.command("push")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=TEACHER)
@click.option("--not-ready", is_flag=True, help="Push even if gates failed.")
@report_user_errors()
def command(folder: Path, not_ready: bool) -> None:
    """Upload the teacher package in DIR to the place that params.yaml declares under package.push.

    Verifies the package first, and that it is the one which dvc.lock records. Does nothing unless declared;
    `dvc repro` never pushes anything.

    Exit code 0: pushed; 1: the package is not sound, not the recorded one or not ready, or the place refused.
    """
    from teacherspec.compare.revision import find_revision
    from teacherspec.package.push import push_to_hub, push_to_remote, require_releasable
    from teacherspec.run_records.recorded_artifact import require_recorded
    from teacherspec.spec.package import Package, PushToHub

    class Sections(Section):
        package: Package

    where = load_sections(Sections).package.push
    if where is None:
        raise UserError(
            "params.yaml: package.push is not declared, so nothing is pushed; declare "
            "`push: {kind: hub, repo: owner/name}` or `push: {kind: dvc}`"
        )
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no package to push; run `dvc repro`")
    require_recorded(find_revision(None).outs, TEACHER.as_posix(), folder)
    require_releasable(folder, not_ready=not_ready)
    to = push_to_hub(folder, where) if isinstance(where, PushToHub) else push_to_remote(folder, where)
    print_lines(f"{folder}: pushed to {to}")
