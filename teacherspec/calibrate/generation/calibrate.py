"""Calibration where predictions are sums over tokens."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.calibrate.artifact import artifact, fit_numbers, unfit
from teacherspec.calibrate.before_after import Guessed
from teacherspec.calibrate.classification.report import CLASS_COLUMNS, draw, write_curves
from teacherspec.calibrate.generation.answer_confidence import compare_answers, fit_answers, guessed
from teacherspec.calibrate.generation.token_temperature import compare_tokens, fit_tokens, score_tokens
from teacherspec.calibrate.slices import COLUMNS as SLICE_COLUMNS
from teacherspec.calibrators.calibrators import Temperature
from teacherspec.errors import DataError
from teacherspec.predictions.classification import PredictionIndex
from teacherspec.predictions.generation import TokenPredictions, load_answers, load_token_predictions
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json, write_tsv
from teacherspec.spec.calibrate import Calibrate

APPLIES_TO = "raw logits of every next token, temperature 1; apply once"
WHEN = ("before", "after")


def calibrate_tokens(
    section: Calibrate, index: PredictionIndex, predictions: Path, output: Path, report: Path
) -> None:
    """Fit one temperature on the tokens of the calibration split and report what it does.

    Args:
        section: `params.yaml: calibrate`.
        index: what `predictions` holds.
        predictions: folder that `evaluate` left.
        output: folder to create, with `calibration.json`.
        report: folder for the same files as for classes; tables that only classes have stay empty.

    Raises:
        DataError: a split is missing or too small, rows overlap, or the method needs classes.
    """
    splits = load_splits(index, predictions)
    calibration_name, test_name = index.splits("calibration")[0], index.splits("test")[0]
    fitted = fit_tokens(section, splits[calibration_name])
    temperature = fitted.calibrator.temperature if isinstance(fitted.calibrator, Temperature) else 1.0
    scored = {
        name: dict(zip(WHEN, (score_tokens(split, 1.0), score_tokens(split, temperature)), strict=True))
        for name, split in splits.items()
    }
    measured: dict[str, Any] = {
        name: compare_tokens(parts["before"], parts["after"], section) for name, parts in scored.items()
    }
    before_after = in_sample(measured[calibration_name])
    measured[calibration_name] = {**before_after, **fit_numbers(fitted)}
    answers = load_answers(predictions, calibration_name)
    confidence = fit_answers(answers, temperature) if answers else None
    whole: dict[str, Guessed] = {}
    if confidence is not None:
        written = load_answers(predictions, test_name)
        whole["answers"] = guessed(written, temperature)
        measured[test_name]["answers"] = compare_answers(written, temperature, confidence, section)
    told = artifact(section, fitted, splits[calibration_name].ids, before_after, APPLIES_TO)
    with new_folder(output) as folder:
        write_json(folder / "calibration.json", {**told, "answers": confidence})
    write_curves(report, scored[test_name], section, whole)
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, [])
    write_tsv(report / "slices.tsv", SLICE_COLUMNS, [])
    draw(report, scored[test_name], measured[test_name], fitted.calibrator, section)
    write_json(report / "metrics.json", round_floats(measured))


def load_splits(index: PredictionIndex, predictions: Path) -> dict[str, TokenPredictions]:
    """What was predicted of the splits that are fitted on or reported, by name.

    Raises:
        DataError: a split is missing or too small, or rows overlap.
    """
    names = [name for role in ("calibration", "test", "shifted") for name in index.splits(role)]
    splits = {name: load_token_predictions(predictions, name) for name in names}
    problems = unfit(index, {name: split.ids for name, split in splits.items()})
    if problems:
        raise DataError(problems)
    return splits


def in_sample(measured: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the split that was fitted on: no intervals, for it cannot judge the fit."""
    counted = {name: measured[name] for name in ("rows", "tokens")}
    return counted | {name: {when: measured[name][when]["value"] for when in WHEN} for name in ("nll", "ece")}
