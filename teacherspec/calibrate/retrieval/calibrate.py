"""Calibration of retrieval: one temperature for choosing the right candidate of a set, in both directions.

The probability that a text is the right one depends on what it is compared with, so probabilities are
measured among a number of candidates that `evaluate` fixed for all splits. Where cosines times their factor
are log-density ratios up to a factor, as the contrastive loss makes them (van den Oord et al. 2018, arXiv
1807.03748, section 2.3), one temperature holds for any number of candidates drawn in the same way.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from teacherspec.calibrate.before_after import at_temperature, both, compare
from teacherspec.calibrate.result import WHEN, Calibrated, artifact, fit_numbers, headline
from teacherspec.calibrate.splits import method_problems, split_problems
from teacherspec.calibrators.candidate_sets import candidate_logits
from teacherspec.calibrators.fit import fit
from teacherspec.errors import DataError
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.retrieval import (
    EmbeddingPredictions,
    load_comparison,
    load_embedding_predictions,
)
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.spec.calibrate import Calibrate

ROLES = ("calibration", "test", "shifted")
METHODS = ("temperature", "none")
APPLIES_TO = "logits (cosines times logit_scale) of candidates that one is chosen from; apply once"


def calibrate_retrieval(section: Calibrate, index: PredictionIndex, predictions: Path) -> Calibrated:
    """Fit one temperature on candidate sets of the calibration split and measure its effect on every split.

    Args:
        section: `params.yaml: calibrate`.
        index: roles of the splits.
        predictions: folder that `evaluate` left.

    Raises:
        DataError: a split is missing or too small, rows overlap, or the method needs classes.
    """
    names = [name for role in ROLES for name in index.splits(role)]
    splits = {name: load_embedding_predictions(predictions, name) for name in names}
    check_splits(section, index, splits)
    (calibration,), (test,) = index.splits("calibration"), index.splits("test")
    comparison = load_comparison(predictions)
    candidates = {name: candidate_logits(split, comparison) for name, split in splits.items()}
    fitted = fit(section.method, *candidates[calibration])
    scored = {name: both(*rows, fitted.calibrator) for name, rows in candidates.items()}
    measured: dict[str, Any] = {name: compare(*pair, section) for name, pair in scored.items()}
    in_sample = headline(measured[calibration], ("rows",), ("nll", "brier", "ece"))
    measured[calibration] = {**fit_numbers(fitted, measured[test]), **in_sample}
    content = artifact(section, fitted, splits[calibration].ids, in_sample, APPLIES_TO)
    return Calibrated(
        artifact={**content, "comparison": round_floats(vars(comparison))},
        metrics=measured,
        fitted=fitted,
        test=test,
        scored=dict(zip(WHEN, scored[test], strict=True)),
        at_temperature=partial(at_temperature, *candidates[test]),
    )


def check_splits(
    section: Calibrate, index: PredictionIndex, splits: Mapping[str, EmbeddingPredictions]
) -> None:
    """Check the declared method, and roles and rows of all splits.

    Raises:
        DataError: names every problem.
    """
    ids = {name: split.ids for name, split in splits.items()}
    problems = [*split_problems(index, ids), *method_problems(section, METHODS, "retrieval")]
    if problems:
        raise DataError(problems)
