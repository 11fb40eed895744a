"""`teacherspec pack-release TAG DIR`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import FAILED, report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("pack-release")
@click.argument("tag")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@report_user_errors()
def command(tag: str, folder: Path) -> None:
    """Write the files of the release TAG, which must be checked out and built, into DIR.

    The package as one archive (the same package gives the same bytes), its SHA256SUMS, and notes: the gates,
    and what changed since the previous tag. The release workflow uploads them.

    Exit code 0: written, every gate passed; 1: written but a gate failed, or there is no package.
    """
    from teacherspec.release.archive import pack_release

    found = pack_release(tag, folder)
    print_lines(*map(str, (found.archive, found.sums, found.notes)))
    if not found.ready:
        raise SystemExit(FAILED)
