"""The stage `calibrate`: fit on the calibration split, report on the others. Predictions only, no model."""

from collections.abc import Callable, Mapping
from pathlib import Path

from teacherspec.calibrate.classification.calibrate import calibrate_classification
from teacherspec.calibrate.generation.calibrate import calibrate_generation
from teacherspec.calibrate.multi_label.calibrate import calibrate_multi_label
from teacherspec.calibrate.report import write_report
from teacherspec.calibrate.result import Calibrated
from teacherspec.calibrate.retrieval.calibrate import calibrate_retrieval
from teacherspec.calibrate.temperature_sweep import temperature_sweep
from teacherspec.predictions.index import PredictionIndex, load_index
from teacherspec.runtime.atomic_io import new_folder, write_json
from teacherspec.spec.calibrate import Calibrate

OUTPUT_TYPES: Mapping[str, Callable[[Calibrate, PredictionIndex, Path], Calibrated]] = {
    "classification": calibrate_classification,
    "generation": calibrate_generation,
    "multi_label": calibrate_multi_label,
    "retrieval": calibrate_retrieval,
}
"""Output type → what fits and measures it."""


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
    result = OUTPUT_TYPES[index.output_type](section, index, predictions)
    temperature = result.fitted.temperature
    sweep = temperature_sweep(
        result.at_temperature, None if temperature is None else temperature.temperature, section.n_bins
    )
    with new_folder(output) as folder:
        write_json(folder / "calibration.json", result.artifact)
        write_json(folder / "temperatures.json", sweep)
    write_report(report, result, section)
