"""`teacherspec write-attestation [DIR]`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines

TEACHER, ATTESTATION = Path("artifacts/teacher"), Path("artifacts/attestation")
LOCAL = "urn:teacherspec:builder:local"


@click.command("write-attestation")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=TEACHER)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=ATTESTATION,
    show_default=True,
    help="Folder to write to.",
)
@click.option(
    "--builder", default=LOCAL, show_default=True, help="URI of the builder, such as a workflow run."
)
@report_user_errors()
def command(folder: Path, out: Path, builder: str) -> None:
    """Write who built the package in DIR, when, from which commit and on what kind of machine.

    Writes an in-toto Statement with SLSA provenance and a CycloneDX bill of materials to another folder. The
    package is not changed: its bytes depend on none of that. In a git repository, the package must be the one
    that dvc.lock of the commit records.

    Exit code 0: written; 1: there is no package, or the commit records another one.
    """
    from teacherspec.compare.revision import find_revision
    from teacherspec.package.provenance.attestation import attest
    from teacherspec.package.provenance.git_commit import read_revision
    from teacherspec.run_records.recorded_artifact import require_recorded

    if not (folder / "SHA256SUMS").is_file():
        raise UserError(f"{folder}: no teacher package (it has no SHA256SUMS); give the folder of one")
    if read_revision(Path()) is not None:
        require_recorded(find_revision("HEAD").outs, TEACHER.as_posix(), folder)
    attest(folder, out, builder=builder)
    print_lines(f"{out}: attested {folder}")
