"""The stage `calibrate`: fit on the calibration split, report on the others. Predictions only, no model."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from teacherspec.calibrate.classification.calibrate import calibrate_classification
from teacherspec.calibrate.generation.calibrate import calibrate_generation
from teacherspec.calibrate.multi_label.calibrate import calibrate_multi_label
from teacherspec.calibrate.regression.calibrate import calibrate_regression
from teacherspec.calibrate.report import write_report
from teacherspec.calibrate.result import Calibrated
from teacherspec.calibrate.retrieval.calibrate import calibrate_retrieval
from teacherspec.calibrate.tagging.calibrate import calibrate_tagging
from teacherspec.calibrate.temperature_sweep import temperature_sweep
from teacherspec.predictions.index import PredictionIndex, load_index
from teacherspec.runtime.atomic_io import new_folder, write_json
from teacherspec.spec.calibrate import Calibrate


def run_calibrate(section: Calibrate, predictions: Path, output: Path, report: Path) -> None:
    """Fit the declared calibrator and report its effect.

    Args:
        section: `params.yaml: calibrate`.
        predictions: folder that `evaluate` left.
        output: folder to create, with `calibration.json` and `temperatures.json`.
        report: folder for the files of `report.write_report`.

    Raises:
        DataError: the calibration or test split is missing or too small, their rows overlap, or a row's
            logits or label are invalid; all problems at once.
    """
    index = load_index(predictions)
    OUTPUT_TYPES[index.output_type](section, index, predictions, output, report)


def calibrate_probabilities(
    calibrate: Callable[[Calibrate, PredictionIndex, Path], Calibrated],
    section: Calibrate,
    index: PredictionIndex,
    predictions: Path,
    output: Path,
    report: Path,
) -> None:
    """Fit and measure by `calibrate` the probabilities of an output type; others as of `run_calibrate`."""
    result = calibrate(section, index, predictions)
    temperature = result.fitted.temperature
    sweep = temperature_sweep(
        result.at_temperature, None if temperature is None else temperature.temperature, section.n_bins
    )
    with new_folder(output) as folder:
        write_json(folder / "calibration.json", result.artifact)
        write_json(folder / "temperatures.json", sweep)
    write_report(report, result, section)


OUTPUT_TYPES: Mapping[str, Callable[[Calibrate, PredictionIndex, Path, Path, Path], None]] = {
    "classification": partial(calibrate_probabilities, calibrate_classification),
    "generation": partial(calibrate_probabilities, calibrate_generation),
    "multi_label": partial(calibrate_probabilities, calibrate_multi_label),
    "regression": calibrate_regression,
    "retrieval": partial(calibrate_probabilities, calibrate_retrieval),
    "tagging": partial(calibrate_probabilities, calibrate_tagging),
}
"""Output type → what fits, measures and writes."""
