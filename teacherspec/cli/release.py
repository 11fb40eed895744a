"""`python -m teacherspec release VERSION`."""

import click

from teacherspec.runtime.entrypoint import report_user_errors


@click.command("release")
@click.argument("version", metavar="VERSION")
@click.option("--push", is_flag=True, help="Send artifacts and run cache to the default DVC remote first.")
@report_user_errors()
def command(version: str, push: bool) -> None:
    """Tag the current commit as `teacher@VERSION` (v1.2.0), once everything speaks for it.

    Checked: the version is new, the tree is clean, every stage is up to date, every recorded byte is at
    hand and unaltered, every gate is kept, the package is as it was sealed. The tag is annotated, as GTO
    reads them; it is not sent to any git remote.

    Exit code 0: tagged; 1: something speaks against it, each problem on a line of its own, nothing tagged.
    """
    from teacherspec.release.tagging import release

    tag = release(version, push=push)
    click.echo(f"{tag}: tagged; publish it with: git push origin {tag}")
