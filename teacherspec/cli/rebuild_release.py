"""`teacherspec rebuild-release TAG`."""

from dataclasses import asdict

import click

from teacherspec.runtime.atomic_io import encode_json
from teacherspec.runtime.entrypoint import FAILED, report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("rebuild-release")
@click.argument("tag")
@click.option(
    "--environment", type=click.Choice(["own", "this"]), default="own", show_default=True,
    help="Where its pins differ from what is installed: create an environment for it, or use this one.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the working tree under .scratch/reproduce/.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@report_user_errors()
def command(tag: str, environment: str, keep: bool, as_json: bool) -> None:
    """Build the teacher of TAG again, in a clean working tree, and compare the hash of every output.

    Every stage runs, whatever is cached. Data comes from the DVC cache or remote.

    Exit code 0: identical; 1: something differs (reported with the numbers that changed and likely causes),
    or it could not be built.
    """
    from teacherspec.release.rebuild import rebuild
    from teacherspec.release.rebuild_report import rebuild_report

    found = rebuild(tag, own_environment=environment == "own", keep=keep)
    if as_json:
        content = asdict(found) | {"level": found.level, "identical": found.identical}
        click.echo(encode_json(content), nl=False)
    else:
        print_lines(*rebuild_report(found))
    if not found.identical:
        raise SystemExit(FAILED)
