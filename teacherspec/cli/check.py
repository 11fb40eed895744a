"""`teacherspec check [FILE]`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import PARAMS, report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path), default=PARAMS)
@click.option("--explain", is_flag=True, help="Print every value with the file and line that declares it.")
@click.option("--write", is_flag=True, help="Write FILE from the two files that declare it.")
@report_user_errors()
def command(file: Path, explain: bool, write: bool) -> None:
    """Validate the declaration in FILE (params.yaml by default) and report all mistakes at once.

    A FILE next to a teacher.yaml is written from that and the shared file that it extends. It is checked that
    FILE is what these declare; --write brings it there. In the root of a repository whose teachers are all in
    teachers/, every one is checked.

    Exit code 0: valid; 1: invalid, each problem on a line of its own as FILE:LINE:COLUMN: key: problem;
    2: wrong usage.
    """
    from teacherspec.run_records.teachers import for_each_teacher

    def work() -> int:
        _check(file, explain, write)
        return 0

    if code := for_each_teacher(work) if file == PARAMS else work():
        raise SystemExit(code)


def _check(file: Path, explain: bool, write: bool) -> None:
    """Raises `DeclarationError`."""
    from teacherspec.check.run import check_teacher

    if write:
        from teacherspec.run_records.written_params import write_params

        if write_params(file.parent):
            print_lines(f"{file}: written")
    spec = check_teacher(file)
    if explain:
        from teacherspec.check.explain import origins

        found = origins(spec, file)
        keys, values = (max(len(one[column]) for one in found) for column in (0, 1))
        print_lines(*(f"{one.key:<{keys}}  {one.value:<{values}}  {one.place}" for one in found))
    from teacherspec.tasks import NAMES
    from teacherspec.tasks.plugins import refused_kinds

    print_lines(f"{file}: ok ({spec.task.kind})", *refused_kinds(NAMES))
