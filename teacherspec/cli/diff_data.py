"""`teacherspec diff-data BEFORE [AFTER]`."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from teacherspec.runtime.entrypoint import report_user_errors

PREPARED = "artifacts/prepare"


@click.command("diff-data")
@click.argument("before")
@click.argument("after", required=False)
@report_user_errors()
def command(before: str, after: str | None) -> None:
    """Show which rows were added, removed, edited, relabelled or moved from BEFORE to AFTER.

    Each is a folder that `prepare` wrote or a git revision, whose rows come from the DVC cache or remote.
    Without AFTER, the rows that dvc.lock of the working tree names.

    Exit code 0: compared; 1: there is no such revision, or its rows are nowhere.
    """
    from teacherspec.prepare.dataset_diff import changes_as_markdown, compare_prepared

    with _folder(before) as old, _folder(after) as new:
        click.echo(changes_as_markdown(compare_prepared(old, new)), nl=False)


def _folder(given: str | None) -> AbstractContextManager[Path]:
    """The folder itself, or the prepared rows of a revision; None: those of the working tree."""
    from teacherspec.compare.revision import find_revision

    if given is not None and Path(given).is_dir():
        return nullcontext(Path(given))
    return find_revision(given).artifact(PREPARED)
