"""`teacherspec sign DIR`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines

NO_TAG = "an older package of yours passes in its place"


@click.command("sign")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--private-key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Elliptic-curve key in PEM; read, never stored.",
)
@click.option("--signature", type=click.Path(path_type=Path), help="File to write; DIR.sig by default.")
@click.option(
    "--attestation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Statement of `write-attestation` to sign too, as FILE.sig: the package under its tags.",
)
@report_user_errors()
def command(folder: Path, private_key: Path, signature: Path | None, attestation: Path | None) -> None:
    """Sign the teacher package in DIR with your own key, offline; the signature is a file of its own.

    Needs `pip install 'teacherspec[signing]'`. Check it with
    `teacherspec verify-package DIR --signature FILE --public-key PEM`.

    No version is in a package: only a signed attestation, written at the tag, shows that an older package was
    put in the place of a newer one.
    """
    from teacherspec.package.provenance.attested_build import require_attested
    from teacherspec.package.provenance.signing import sign
    from teacherspec.package.verification.file_allowlist import check_checksums, check_files

    problems = check_files(folder) or check_checksums(folder)
    if problems:
        raise UserError(problems)
    written = signature or folder.resolve().with_name(f"{folder.resolve().name}.sig")
    if written.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{written}: is inside the package, which it would change; name a file outside it")
    if attestation is None:
        sign(folder, written, private_key)
        print_lines(f"{written.name}: signs {folder} without a tag; {NO_TAG}")
        return
    tags = require_attested(attestation, folder)
    second = attestation.with_name(f"{attestation.name}.sig")
    sign(folder, written, private_key)
    sign(attestation.resolve(), second, private_key)
    print_lines(f"{written.name}: signs {folder}")
    tagged = f"as {', '.join(tags)}" if tags else f"without a tag; {NO_TAG}"
    print_lines(f"{second}: signs {folder} {tagged}")
