"""Validate the whole declaration, before DVC removes the outputs of any stage."""

from pathlib import Path

import click

from teacherspec.check.run import check, check_teacher
from teacherspec.runtime.atomic_io import write_text
from teacherspec.runtime.entrypoint import PARAMS, record_run, report_user_errors
from teacherspec.runtime.process_lifetime import in_experiment

VALID = f"{PARAMS} is valid\n"
"""Never changes, so that an edit of the declaration makes no stage stale through this file."""


@click.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@report_user_errors()
@record_run()
def main(output: Path) -> None:
    """Check params.yaml as a whole and write the constant OUTPUT, on which every other stage depends."""
    validate = check if in_experiment() else check_teacher  # an experiment edits params.yaml itself
    validate(PARAMS)
    write_text(output, VALID)


if __name__ == "__main__":
    main()
