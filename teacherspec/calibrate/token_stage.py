"""Calibration where predictions are sums over tokens."""

from pathlib import Path
from typing import Any

from teacherspec.calibrate.answers import compare_answers, fit_answers, guessed
from teacherspec.calibrate.calibrators import Temperature
from teacherspec.calibrate.report import CLASS_COLUMNS, draw, write_curves
from teacherspec.calibrate.scoring import Guessed
from teacherspec.calibrate.section import Calibrate
from teacherspec.calibrate.shared import artifact, fit_numbers, unfit
from teacherspec.calibrate.slices import COLUMNS as SLICE_COLUMNS
from teacherspec.calibrate.tokens import ScoredTokens, compare_tokens, fit_tokens, score_tokens
from teacherspec.errors import DataError
from teacherspec.files import new_folder, round_floats, write_json, write_tsv
from teacherspec.predictions import PredictionIndex
from teacherspec.token_predictions import TokenPredictions, load_answers, load_token_predictions

APPLIES_TO = "raw logits of every next token, temperature 1; apply once"


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
    names = [name for role in ("calibration", "test", "shifted") for name in index.splits(role)]
    splits = {name: load_token_predictions(predictions, name) for name in names}
    problems = unfit(index, {name: split.ids for name, split in splits.items()})
    if problems:
        raise DataError(problems)
    calibration_name, test_name = index.splits("calibration")[0], index.splits("test")[0]
    calibration = splits[calibration_name]
    fitted = fit_tokens(section, calibration)
    temperature = fitted.calibrator.temperature if isinstance(fitted.calibrator, Temperature) else 1.0

    def both(split: TokenPredictions) -> tuple[ScoredTokens, ScoredTokens]:
        return score_tokens(split, 1.0), score_tokens(split, temperature)

    measured: dict[str, Any] = {name: compare_tokens(*both(split), section) for name, split in splits.items()}
    in_sample = measured[calibration_name]
    headline = {name: {when: in_sample[name][when]["value"] for when in WHEN} for name in ("nll", "ece")}
    counted = {name: in_sample[name] for name in ("rows", "tokens")}
    measured[calibration_name] = {**counted, **fit_numbers(fitted), **headline}
    answers = load_answers(predictions, calibration_name)
    whole: dict[str, Guessed] = {}
    confidence = fit_answers(answers, temperature) if answers else None
    if confidence is not None:
        written = load_answers(predictions, test_name)
        whole["answers"] = guessed(written, temperature)
        measured[test_name]["answers"] = compare_answers(written, temperature, confidence, section)
    told = artifact(section, fitted, calibration.ids, {**counted, **headline}, APPLIES_TO)
    with new_folder(output) as folder:
        write_json(folder / "calibration.json", {**told, "answers": confidence})
    before_after = dict(zip(WHEN, both(splits[test_name]), strict=True))
    write_curves(report, before_after, section, whole)
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, [])
    write_tsv(report / "slices.tsv", SLICE_COLUMNS, [])
    draw(report, before_after, measured[test_name], fitted.calibrator, section)
    write_json(report / "metrics.json", round_floats(measured))


WHEN = ("before", "after")
