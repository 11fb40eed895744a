"""`teacherspec diff-data BEFORE [AFTER]`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from teacherspec.errors import DataError
from teacherspec.runtime.entrypoint import report_user_errors

PREPARED = Path("artifacts/prepare")


@click.command("diff-data")
@click.argument("before")
@click.argument("after", default=str(PREPARED))
@report_user_errors()
def command(before: str, after: str) -> None:
    """Show which rows were added, removed, edited, relabelled or moved from BEFORE to AFTER.

    Each is a folder that `prepare` wrote (AFTER: artifacts/prepare by default) or a git revision, whose
    rows are taken from the DVC cache.
    """
    from teacherspec.prepare.dataset_diff import changes_as_markdown, compare_prepared

    with _folder(before) as old, _folder(after) as new:
        click.echo(changes_as_markdown(compare_prepared(old, new)), nl=False)


@contextmanager
def _folder(given: str) -> Iterator[Path]:
    """The folder itself, or a temporary folder with the prepared rows of a revision."""
    if Path(given).is_dir():
        yield Path(given)
        return
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    with TemporaryDirectory() as scratch:
        target = Path(scratch) / "prepare"
        try:
            DVCFileSystem(rev=given).get(str(PREPARED), str(target), recursive=True)
        except (DvcException, SCMError, OSError) as error:
            raise DataError(
                f"{given}: neither a folder nor a revision whose {PREPARED} is in the DVC cache ({error}); "
                "try `dvc fetch --all-commits`"
            ) from error
        yield target
