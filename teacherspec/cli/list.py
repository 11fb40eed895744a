"""`teacherspec list`."""

import click

from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("list")
@click.option("--json", "as_json_text", is_flag=True, help="Print JSON for programs.")
@report_user_errors()
def command(as_json_text: bool) -> None:
    """Show all teachers of the repository: verdict, gates, quality, gain, state of the build, version.

    Reads git's files only: no data, cache or remote is needed. State: whether dvc.lock agrees with params,
    code and data, as `teacherspec status` explains for one teacher.

    Exit code 0: shown; 1: there is no teacher.
    """
    from teacherspec.release.teacher_list import as_json, as_rows, list_teachers
    from teacherspec.runtime.atomic_io import encode_json
    from teacherspec.runtime.project_root import project_root

    found = list_teachers(project_root())
    if as_json_text:
        click.echo(encode_json(as_json(found)), nl=False)
        return
    rows = list(as_rows(found))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print_lines(*("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))
