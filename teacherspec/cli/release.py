"""`teacherspec release VERSION`."""

import click

from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("release")
@click.argument("version", metavar="VERSION")
@click.option("--push", is_flag=True, help="Send artifacts and run cache to the default DVC remote first.")
@report_user_errors()
def command(version: str, push: bool) -> None:
    """Tag the current commit as `teacher@VERSION` (v1.2.0) if all checks pass.

    Checked: the version is new, the tree is clean, every stage is up to date, every recorded file is present
    and unaltered, every gate passed, the package has its checksums. The tag is annotated, as GTO expects; it
    is not pushed to any git remote. Where the default DVC remote lacks files of it, that is said.

    Exit code 0: tagged; 1: a check failed, each problem on a line of its own, nothing tagged.
    """
    from teacherspec.release.remote_outputs import unpushed_outputs
    from teacherspec.release.tagging import release

    tag = release(version, push=push)
    unpushed = unpushed_outputs()
    if unpushed:
        print_lines(
            f"{tag}: tagged here only: {unpushed}; first: dvc push --run-cache, then: git push origin {tag}"
        )
    else:
        print_lines(f"{tag}: tagged; publish it with: git push origin {tag}")
