"""Calibration of token classification: one temperature for all words, and what it does to whole entities.

The temperature is fitted on the words that the model reads, each weighing the same. A predicted entity has
the product of the calibrated probabilities of the tags of its words as its confidence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.calibrate.clustered import compare_clustered
from teacherspec.calibrate.result import (
    WHEN,
    Calibrated,
    Table,
    TopLabel,
    artifact,
    fit_numbers,
    headline,
)
from teacherspec.calibrate.splits import method_problems, split_problems
from teacherspec.calibrators.fit import DECLARED, Fitted
from teacherspec.calibrators.fitted import Identity, Temperature
from teacherspec.calibrators.tag_temperature import fit_tag_temperature, span_scores
from teacherspec.errors import DataError
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.cluster_bootstrap import ClusteredScores, score_clusters
from teacherspec.metrics.reliability import reliability_bins
from teacherspec.metrics.scores.intervals import bootstrap, interval_of
from teacherspec.metrics.selective_prediction import aurc, correctness_auroc
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.tagging import TagPredictions, load_tag_predictions
from teacherspec.spec.calibrate import Calibrate

ROLES = ("calibration", "test", "shifted")
METHODS = ("temperature", "none")
APPLIES_TO = "raw logits of the first subword of every word, temperature 1; apply once"
SPAN_COLUMNS = ("stage", "bin", "lower", "upper", "confidence", "precision", "low", "high", "count")


def calibrate_tagging(section: Calibrate, index: PredictionIndex, predictions: Path) -> Calibrated:
    """Fit one temperature on the words of the calibration split and measure its effect on every split.

    Args:
        section: `params.yaml: calibrate`.
        index: roles of the splits, and the tags.
        predictions: folder that `evaluate` left.

    Raises:
        DataError: a split is missing or too small, rows overlap, logits are invalid, or the method needs
            classes of rows.
    """
    splits = {name: load_tag_predictions(predictions, name) for role in ROLES for name in index.splits(role)}
    check_splits(section, index, splits)
    (calibration,), (test,) = index.splits("calibration"), index.splits("test")
    fitted = fit_words(section, splits[calibration])
    temperature = fitted.calibrator.temperature if isinstance(fitted.calibrator, Temperature) else 1.0
    both = {
        name: (at_temperature(one, 1.0), at_temperature(one, temperature)) for name, one in splits.items()
    }
    measured: dict[str, Any] = {
        name: {
            "rows": len(splits[name].ids),
            "tokens": len(pair[0].cluster),
            "argmax_changed": 0,
            **compare_clustered(*pair, section),
        }
        for name, pair in both.items()
    }
    in_sample = headline(measured[calibration], ("rows", "tokens"), ("nll", "ece"))
    measured[calibration] = {**in_sample, **fit_numbers(fitted, measured[test])}
    spans = {
        name: [span_scores(one, index.label_names, t) for t in (1.0, temperature)]
        for name, one in splits.items()
        if name != calibration
    }
    for name, pair in spans.items():
        measured[name]["spans"] = compare_spans(pair, section)
    risk_curves: dict[str, TopLabel] = {"spans": spans[test][1]} if len(spans[test][1].cluster) else {}
    rows = list(_reliability(spans[test], section))
    return Calibrated(
        artifact=artifact(section, fitted, splits[calibration].ids, in_sample, APPLIES_TO),
        metrics=measured,
        fitted=fitted,
        test=test,
        scored=dict(zip(WHEN, both[test], strict=True)),
        at_temperature=partial(at_temperature, splits[test]),
        risk_curves=risk_curves,
        tables={"spans.tsv": Table(SPAN_COLUMNS, rows)},
    )


def at_temperature(predictions: TagPredictions, temperature: float) -> ClusteredScores:
    """The measures of the words that are read at a temperature."""
    return score_clusters(
        predictions.row, predictions.logits.astype(np.float64) / temperature, predictions.labels
    )


def fit_words(section: Calibrate, predictions: TagPredictions) -> Fitted:
    """The declared calibrator, one of `METHODS`."""
    if section.method.kind == "none":
        return Fitted(Identity(), None, DECLARED)
    found = fit_tag_temperature(predictions)
    return Fitted(Temperature(temperature=found.temperature), found, DECLARED)


def compare_spans(pair: Sequence[ClusteredScores], section: Calibrate) -> dict[str, Any]:
    """Calibration of the confidence of predicted entities, before and after; intervals resample rows.

    Args:
        pair: predicted entities at temperature 1, and at the fitted one.
        section: bins, resamples, seed, level.
    """
    measured: dict[str, Any] = {"predicted": len(pair[0].cluster)}
    if not len(pair[0].cluster):
        return measured
    for when, scored in zip(WHEN, pair, strict=True):
        _, row = np.unique(scored.cluster, return_inverse=True)
        rows = int(row.max()) + 1
        values = (np.ones(len(row)), scored.correct, scored.confidences, scored.nll)
        sums = np.stack([np.bincount(row, weights=one, minlength=rows) for one in values], axis=1)

        def statistic(chosen: Any, sums: Any = sums) -> Any:
            count, right, confidence, loss = sums[chosen].sum(axis=0)
            return np.array([right, confidence, loss, confidence - right]) / count

        draws = bootstrap(statistic, rows, n_resamples=section.resamples, seed=section.seed)
        for at, name in enumerate(("precision", "confidence", "nll", "signed")):
            interval = interval_of(
                float(draws.observed[at]), draws.resampled[:, at], confidence=section.confidence
            )
            if name == "precision":
                measured[name] = asdict(interval)
            else:
                measured.setdefault(name, {})[when] = asdict(interval)
        measured.setdefault("ece", {})[when] = expected_calibration_error(
            scored.confidences, scored.correct, n_bins=section.n_bins
        )
        measured.setdefault("aurc", {})[when] = aurc(scored.confidences, scored.correct)
        if 0 < scored.correct.sum() < len(scored.correct):
            found = correctness_auroc(scored.confidences, scored.correct)
            measured.setdefault("correctness_auroc", {})[when] = found
    return measured


def _reliability(pair: Sequence[ClusteredScores], section: Calibrate) -> Iterator[tuple[object, ...]]:
    """Bins of the confidence of predicted entities of test, in the order of `SPAN_COLUMNS`."""
    for when, scored in zip(WHEN, pair, strict=True):
        if not len(scored.cluster):
            continue
        bins = reliability_bins(
            scored.confidences, scored.correct, n_bins=section.n_bins, confidence=section.confidence
        )
        for number, one in enumerate(bins):
            share = one.accuracy
            values = (one.lower, one.upper, one.confidence, share.value, share.low, share.high)
            yield when, number, *(round(value, 6) for value in values), one.count


def check_splits(section: Calibrate, index: PredictionIndex, splits: Mapping[str, TagPredictions]) -> None:
    """Check the declared method, and roles, rows, logits and tags of all splits.

    Raises:
        DataError: names every problem.
    """
    ids = {name: split.ids for name, split in splits.items()}
    problems = [*split_problems(index, ids), *method_problems(section, METHODS, "token classification")]
    for name, split in splits.items():
        if split.logits.shape[1] != len(index.label_names):
            problems.append(
                f"evaluate: split {name} has {split.logits.shape[1]} logits a word for "
                f"{len(index.label_names)} tags"
            )
        elif not np.isfinite(split.logits).all():
            problems.append(f"evaluate: split {name}: logits are not finite; the model is broken")
        elif len(split.tags) and not 0 <= split.tags.min() <= split.tags.max() < len(index.label_names):
            problems.append(
                f"prepare: split {name}: a word has no tag; give its row one, or the role transfer"
            )
    if problems:
        raise DataError(problems)
