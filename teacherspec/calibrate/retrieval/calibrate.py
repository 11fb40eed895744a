"""Calibration where predictions are embeddings: which candidate of a set is the right one?

How likely a text is the right one depends on what it is compared with, so probabilities are measured among a
number of candidates that `evaluate` fixed for all splits. Where cosines times their factor are log-density
ratios up to a factor, as the contrastive loss makes them (van den Oord et al. 2018, arXiv 1807.03748, section
2.3), one temperature holds for any number of candidates drawn alike.
"""

from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrate.artifact import artifact, both, fit_numbers, headline, unfit
from teacherspec.calibrate.before_after import compare
from teacherspec.calibrate.classification.report import CLASS_COLUMNS, draw, write_curves
from teacherspec.calibrate.slices import COLUMNS as SLICE_COLUMNS
from teacherspec.errors import DataError
from teacherspec.metrics.retrieval import candidate_sets
from teacherspec.metrics.validation import FloatArray, IntArray
from teacherspec.predictions.classification import PredictionIndex
from teacherspec.predictions.retrieval import (
    Comparison,
    EmbeddingPredictions,
    load_comparison,
    load_embedding_predictions,
)
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json, write_tsv
from teacherspec.spec.calibrate import Calibrate

ALLOWED = ("temperature", "none")
APPLIES_TO = "logits (cosines times logit_scale) of candidates that one is chosen from; apply once"


def calibrate_pairs(
    section: Calibrate, index: PredictionIndex, predictions: Path, output: Path, report: Path
) -> None:
    """Fit one temperature for both directions on candidate sets of the calibration split, and report it.

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
    splits = {name: load_embedding_predictions(predictions, name) for name in names}
    check_base(section, index, splits)
    comparison = load_comparison(predictions)
    lined = {name: asked(split, comparison) for name, split in splits.items()}
    calibration, test = (index.splits(role)[0] for role in ("calibration", "test"))
    fitted = section.method.fit(*lined[calibration])
    scored = {name: both(*rows, fitted) for name, rows in lined.items()}
    measured: dict[str, Any] = {name: compare(*pair, section) for name, pair in scored.items()}
    in_sample = headline(measured[calibration])
    measured[calibration] = {**fit_numbers(fitted), **in_sample}
    told = artifact(section, fitted, splits[calibration].ids, in_sample, APPLIES_TO)
    with new_folder(output) as folder:
        write_json(folder / "calibration.json", {**told, "comparison": round_floats(vars(comparison))})
    before_after = dict(zip(("before", "after"), scored[test], strict=True))
    write_curves(report, before_after, section, {})
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, [])
    write_tsv(report / "slices.tsv", SLICE_COLUMNS, [])
    draw(report, before_after, measured[test], fitted.calibrator, section)
    write_json(report / "metrics.json", round_floats(measured))


def asked(found: EmbeddingPredictions, comparison: Comparison) -> tuple[FloatArray, IntArray]:
    """Logits `[2 N, C]` of the candidate sets of both directions, and the place of the right one `[2 N]`."""
    pairs = (found.pairs, found.pairs.swapped())
    cosines = np.concatenate(
        [candidate_sets(one, comparison.candidate_set_size, comparison.seed) for one in pairs]
    )
    logits = comparison.logit_scale * cosines + comparison.logit_bias
    return logits, np.full(len(logits), comparison.candidate_set_size - 1)


def check_base(section: Calibrate, index: PredictionIndex, splits: dict[str, EmbeddingPredictions]) -> None:
    """Everything that calibration rests on is there and sound. Raises `DataError` with every problem."""
    problems = unfit(index, {name: split.ids for name, split in splits.items()})
    if section.method.kind not in ALLOWED:
        problems.append(
            f"calibrate.method: {section.method.kind} is for classes; retrieval is calibrated by "
            f"{' or '.join(ALLOWED)}"
        )
    if problems:
        raise DataError(problems)
