"""Fit the calibrator on the calibration split and report it on the others."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.runtime.numpy_determinism import pin_numpy
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.section import Section


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    calibrate: Calibrate


@click.command()
@click.argument("predictions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("report", type=click.Path(path_type=Path))
@report_user_errors()
def main(predictions: Path, output: Path, report: Path) -> None:
    """Calibrate the PREDICTIONS that `evaluate` wrote.

    Writes the calibrator to OUTPUT, and metrics and plots before and after to REPORT.
    """
    pin_numpy()
    with record_run():
        from teacherspec.calibrate.run import run_calibrate

        run_calibrate(load_sections(Sections).calibrate, predictions, output, report)


if __name__ == "__main__":
    main()
