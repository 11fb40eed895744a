"""Every measure of one split before and after calibration, on the same rows, from probabilities `[N, C]`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, Temperature, apply
from teacherspec.metrics.binning import Binning, bin_index
from teacherspec.metrics.calibration import (
    ECE_BINNINGS,
    classwise_calibration_error,
    ece_noise_floor,
    ece_noise_quantile,
    top_label_confidence,
)
from teacherspec.metrics.scores.intervals import (
    Interval,
    bootstrap,
    calibration_error_interval,
    interval_of,
    wilson_interval,
)
from teacherspec.metrics.scores.proper_scores import brier_parts, brier_per_row, nll_per_row
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.metrics.significance import paired_bootstrap
from teacherspec.metrics.summary import top_label_summary
from teacherspec.spec.calibrate import Calibrate

MEANS = ("nll", "brier", "signed")
"""Measures that are means over rows."""

PLAIN = ("smooth_ece", "rmsce", "mce", "debiased_squared", "aurc", "augrc", "correctness_auroc")
"""Fields of the summary that are reported without an interval."""

NOISE_QUANTILE = 0.95

MATERIAL = 0.001
"""Rise of the NLL (nats) or the ECE below which calibration is not called harmful, however many rows show it:
fitting one number on n rows alone costs about 1 / (2n) nats."""

Drawn = tuple[float, FloatArray]
"""A measure on the rows as they are, and on resamples of them `[R]`."""

Parts = dict[str, Any]
"""Of one measure: its value under the key `""`, and what to compare it with under `floor_` and `noise_`."""


@dataclass(frozen=True)
class Scored:
    """The measures of each row under one set of probabilities.

    Attributes:
        probs: `[N, C]`.
        labels: `[N]`.
        nll: `[N]` nats.
        brier: `[N]`.
        confidences: `[N]`, probability of the predicted label.
        correct: `[N]`.
    """

    probs: FloatArray
    labels: IntArray
    nll: FloatArray
    brier: FloatArray
    confidences: FloatArray
    correct: npt.NDArray[np.bool_]


def score(log_probs: FloatArray, labels: npt.ArrayLike) -> Scored:
    """Measure each row of log-probabilities `[N, C]` against labels `[N]`.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    probs = np.exp(log_probs)
    confidences, correct = top_label_confidence(probs, labels)
    return Scored(
        probs=probs,
        labels=np.asarray(labels, dtype=np.int64),
        nll=nll_per_row(log_probs, labels),
        brier=brier_per_row(probs, labels),
        confidences=confidences,
        correct=correct,
    )


def both(logits: npt.ArrayLike, labels: npt.ArrayLike, calibrator: Calibrator) -> tuple[Scored, Scored]:
    """Logits `[N, C]` with labels `[N]` under the model's own probabilities, and under calibrated ones."""
    return score(log_softmax(logits), labels), score(apply(calibrator, logits), labels)


def at_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike, temperature: float) -> Scored:
    """Logits `[N, C]` with labels `[N]` under softmax(z / T)."""
    return score(apply(Temperature(temperature=temperature), logits), labels)


def compare(before: Scored, after: Scored, section: Calibrate) -> dict[str, Any]:
    """Nested measures of one split, `before` and `after` calibration.

    Accuracy has a Wilson interval; NLL, Brier and the signed error have percentile bootstrap intervals;
    binned errors have `calibration_error_interval`, their noise floor and its 95 % point. `change` of NLL,
    Brier and ECE is after - before on the same resamples; `worsened`: see `worsened`. A measure that is
    undefined on these rows is left out.

    Args:
        before: rows under the model's own probabilities.
        after: the same rows under calibrated ones.
        section: bins, resamples, seed, level.
    """
    measured: dict[str, Any] = {
        "rows": len(before.labels),
        "argmax_changed": int((before.probs.argmax(axis=1) != after.probs.argmax(axis=1)).sum()),
    }
    ece: list[Drawn] = []
    for when, scored in (("before", before), ("after", after)):
        drawn = _draw(scored, section)
        ece.append(drawn["ece"])
        for name, parts in _measures(scored, drawn, section).items():
            measured.setdefault(name, {}).update({f"{part}{when}": value for part, value in parts.items()})
    measured["ece"]["change"] = asdict(change(ece[0], ece[1], section))
    pairs = {"nll": (before.nll, after.nll), "brier": (before.brier, after.brier)}
    for name, (first, second) in pairs.items():
        paired = paired_bootstrap(
            first,
            second,
            n_resamples=section.resamples,
            seed=section.seed,
            confidence=section.confidence,
        )
        measured[name] |= {"change": asdict(paired.difference), "p_value": paired.p_value}
    return {**measured, "worsened": worsened(measured)}


def change(before: Drawn, after: Drawn, section: Calibrate) -> Interval:
    """Interval of after - before of a measure that was drawn with the same seed, so on the same resamples."""
    return interval_of(after[0] - before[0], after[1] - before[1], confidence=section.confidence)


def worsened(measured: Mapping[str, Any]) -> int:
    """1 where calibration raised the NLL or the ECE by more than `MATERIAL` beyond its interval, else 0."""
    return int(any(measured[name]["change"]["low"] > MATERIAL for name in ("nll", "ece")))


def _draw(scored: Scored, section: Calibrate) -> dict[str, Drawn]:
    """The resampled measures of one set of probabilities, by name."""
    statistic = _Statistic(scored, section.n_bins)
    draws = bootstrap(statistic, len(scored.labels), n_resamples=section.resamples, seed=section.seed)
    observed = [float(value) for value in draws.observed]
    return dict(zip(_Statistic.NAMES, zip(observed, draws.resampled.T, strict=True), strict=True))


def _measures(scored: Scored, drawn: Mapping[str, Drawn], section: Calibrate) -> dict[str, Parts]:
    """Every measure of one set of probabilities, by name."""
    accuracy = wilson_interval(int(scored.correct.sum()), len(scored.correct), confidence=section.confidence)
    summary = asdict(top_label_summary(scored.confidences, scored.correct, n_bins=section.n_bins))
    classwise = classwise_calibration_error(scored.probs, scored.labels, n_bins=section.n_bins)
    parts = asdict(brier_parts(scored.probs, scored.labels))
    return {
        "accuracy": {"": asdict(accuracy)},
        **{name: {"": asdict(interval_of(*drawn[name], confidence=section.confidence))} for name in MEANS},
        **{
            name: binned_error(*drawn[name], scored.confidences, binning, section)
            for name, binning in ECE_BINNINGS.items()
        },
        **{f"brier_{name}": {"": part} for name, part in parts.items()},
        "classwise_ece": {"": classwise},
        **{name: {"": summary[name]} for name in PLAIN if summary[name] is not None},
    }


def binned_error(
    observed: float, resampled: FloatArray, confidences: FloatArray, binning: Binning, section: Calibrate
) -> Parts:
    """A calibration error with its interval, its noise floor and the 95 % point of its noise.

    Args:
        observed: the error on the rows as they are.
        resampled: `[R]`, the error on resamples of them.
        confidences: `[N]`, probability of the predicted label.
        binning: of the error.
        section: bins, draws, seed, level.
    """
    noise = ece_noise_quantile(
        confidences,
        n_bins=section.n_bins,
        binning=binning,
        quantile=NOISE_QUANTILE,
        n_draws=section.resamples,
        seed=section.seed,
    )
    interval = calibration_error_interval(
        observed, resampled, noise_point=noise, confidence=section.confidence
    )
    floor = ece_noise_floor(confidences, n_bins=section.n_bins, binning=binning)
    return {"": asdict(interval), "floor_": floor, "noise_": noise}


class _Statistic:
    """The resampled measures of one set of probabilities, from row indices to an array of numbers."""

    NAMES = (*MEANS, *ECE_BINNINGS)

    def __init__(self, scored: Scored, n_bins: int) -> None:
        excess = scored.confidences - scored.correct
        # One row-major table: a resample gathers whole rows.
        self.table = np.stack([scored.nll, scored.brier, excess], axis=1)
        self.bins = [
            bin_index(scored.confidences, n_bins=n_bins, binning=binning) for binning in ECE_BINNINGS.values()
        ]

    def __call__(self, rows: IntArray) -> FloatArray:
        table = self.table[rows]
        errors = [
            np.abs(np.bincount(index[rows], weights=table[:, 2])).sum() / len(rows) for index in self.bins
        ]
        return np.concatenate([table.mean(axis=0), errors])
