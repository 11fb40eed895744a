"""`python -m teacherspec attach TAG DIR`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import FAILED, report_user_errors


@click.command("attach")
@click.argument("tag")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@report_user_errors()
def command(tag: str, folder: Path) -> None:
    """Write what is attached to the release of TAG, which is checked out and built, into DIR.

    The package as one archive (the same package gives the same bytes), its SHA256SUMS, and notes: gates,
    and what changed since the tag before.

    Exit code 0: written, every gate is kept; 1: written but a gate is missed, or there is nothing to attach.
    """
    from teacherspec.release.archive import attach

    found = attach(tag, folder)
    click.echo("\n".join(map(str, (found.archive, found.sums, found.notes))))
    if not found.ready:
        raise SystemExit(FAILED)
