"""Calibration of generation: one temperature for all tokens, and a curve for whole answers."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from teacherspec.calibrate.generation.report import compare_answers, compare_tokens
from teacherspec.calibrate.result import WHEN, Calibrated, TopLabel, artifact, fit_numbers, headline
from teacherspec.calibrate.splits import method_problems, split_problems
from teacherspec.calibrators.answer_confidence import fit_answer_curve, score_answers
from teacherspec.calibrators.fit import DECLARED, Fitted
from teacherspec.calibrators.fitted import Identity, Temperature
from teacherspec.calibrators.token_temperature import fit_token_temperature, score_tokens
from teacherspec.errors import DataError
from teacherspec.predictions.generation import TokenPredictions, load_answers, load_token_predictions
from teacherspec.predictions.index import PredictionIndex
from teacherspec.spec.calibrate import Calibrate

ROLES = ("calibration", "test", "shifted")
METHODS = ("temperature", "none")
APPLIES_TO = "raw logits of every next token, temperature 1; apply once"


def calibrate_generation(section: Calibrate, index: PredictionIndex, predictions: Path) -> Calibrated:
    """Fit one temperature on the tokens of the calibration split and measure its effect on every split.

    Args:
        section: `params.yaml: calibrate`.
        index: roles of the splits.
        predictions: folder that `evaluate` left.

    Raises:
        DataError: a split is missing or too small, rows overlap, or the method needs classes.
    """
    names = [name for role in ROLES for name in index.splits(role)]
    splits = {name: load_token_predictions(predictions, name) for name in names}
    check_splits(section, index, splits)
    (calibration,), (test,) = index.splits("calibration"), index.splits("test")
    fitted = fit_tokens(section, splits[calibration])
    temperature = fitted.calibrator.temperature if isinstance(fitted.calibrator, Temperature) else 1.0
    scored = {name: (score_tokens(one, 1.0), score_tokens(one, temperature)) for name, one in splits.items()}
    measured: dict[str, Any] = {
        name: compare_tokens(len(splits[name].ids), *pair, section) for name, pair in scored.items()
    }
    in_sample = headline(measured[calibration], ("rows", "tokens"), ("nll", "ece"))
    measured[calibration] = {**in_sample, **fit_numbers(fitted, measured[test])}
    answers = load_answers(predictions, calibration)
    curve = fit_answer_curve(answers, temperature) if answers else None
    risk_curves: dict[str, TopLabel] = {}
    if curve is not None:
        written = load_answers(predictions, test)
        risk_curves["answers"] = score_answers(written, temperature)
        measured[test]["answers"] = compare_answers(written, temperature, curve, section)
    content = artifact(section, fitted, splits[calibration].ids, in_sample, APPLIES_TO)
    return Calibrated(
        artifact={**content, "answers": curve},
        metrics=measured,
        fitted=fitted,
        test=test,
        scored=dict(zip(WHEN, scored[test], strict=True)),
        at_temperature=partial(score_tokens, splits[test]),
        risk_curves=risk_curves,
    )


def check_splits(section: Calibrate, index: PredictionIndex, splits: Mapping[str, TokenPredictions]) -> None:
    """Check the declared method, and roles and rows of all splits.

    Raises:
        DataError: names every problem.
    """
    ids = {name: split.ids for name, split in splits.items()}
    problems = [*split_problems(index, ids), *method_problems(section, METHODS, "generation")]
    if problems:
        raise DataError(problems)


def fit_tokens(section: Calibrate, predictions: TokenPredictions) -> Fitted:
    """The declared calibrator, one of `METHODS`, from the sums of the calibration split."""
    if section.method.kind == "none":
        return Fitted(Identity(), None, DECLARED)
    found = fit_token_temperature(predictions)
    return Fitted(Temperature(temperature=found.temperature), found, DECLARED)
