"""`teacherspec diff [BASE] [HEAD]`."""

import re
from pathlib import Path

import click

from teacherspec.runtime.atomic_io import encode_json, round_floats, write_text
from teacherspec.runtime.entrypoint import report_user_errors

RANGE = re.compile(r"(.+?)(\.{2,3})(.*)")
"""Two revisions as git writes them: `main..branch`, `main...branch`."""


@click.command("diff")
@click.argument("base", default="main")
@click.argument("head", required=False)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["markdown", "json", "html"]),
    default="markdown",
    show_default=True,
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write instead of stdout."
)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Write diff.md, .json, .html here."
)
@click.option(
    "--texts/--no-texts",
    default=True,
    help="Show the content of rows whose prediction changed.",
    show_default=True,
)
@click.option(
    "--direct", is_flag=True, help="Compare with BASE itself, also if it has commits that HEAD lacks."
)
@report_user_errors()
def command(
    base: str,
    head: str | None,
    output_format: str,
    output: Path | None,
    folder: Path | None,
    texts: bool,
    direct: bool,
) -> None:
    """Show everything that changed from BASE (`main`) to HEAD (the working tree), for a pull request.

    Params, gates, every metric with a paired test on the same rows, rows whose prediction changed, classes
    and slices, calibration, data, environment and stages. Reads git, dvc.lock and the DVC cache or remote,
    and lists what it could not compare.

    A branch is compared from the commit where HEAD left BASE, as a pull request is; what BASE got since then
    is counted, not shown. A tag or an experiment as BASE is compared itself.

    BASE..HEAD and BASE...HEAD are read as `git diff` reads them: the first compares with BASE itself.

    Exit code 0: compared, whatever the result; 1: a side was never built, or there is no such revision.
    """
    from teacherspec.compare.compare import as_json, compare
    from teacherspec.compare.merge_base import compared_from
    from teacherspec.compare.report.html import as_html
    from teacherspec.compare.report.markdown import as_markdown
    from teacherspec.compare.revision import find_revision

    if output is not None and folder is not None:
        raise click.UsageError("give --output or --folder, not both")
    if given := RANGE.fullmatch(base):
        if head is not None:
            raise click.UsageError(f"give {base}, or two revisions, not both")
        base, head, direct = given[1], given[3] or "HEAD", direct or given[2] == ".."
    changed = find_revision(head)
    start, missing = compared_from(find_revision(base), changed, direct=direct)
    diff = compare(start, changed, missing)
    writers = {
        "markdown": lambda: as_markdown(diff, texts=texts),
        "json": lambda: encode_json(round_floats(as_json(diff, texts=texts))),
        "html": lambda: as_html(diff, texts=texts),
    }
    if folder is not None:
        for name, suffix in (("markdown", "md"), ("json", "json"), ("html", "html")):
            write_text(folder / f"diff.{suffix}", writers[name]())
    elif output is not None:
        write_text(output, writers[output_format]())
    else:
        click.echo(writers[output_format](), nl=False)
