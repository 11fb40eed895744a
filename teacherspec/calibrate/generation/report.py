"""Measures of generation before and after calibration: of tokens, by prompt, and of whole answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from teacherspec.calibrate.before_after import PLAIN, Drawn, binned_error, change, worsened
from teacherspec.calibrate.result import WHEN
from teacherspec.calibrators.answer_confidence import answer_confidences, score_answers
from teacherspec.metrics.calibration import ECE_BINNINGS, expected_calibration_error
from teacherspec.metrics.cluster_bootstrap import ClusteredScores, ClusteredStatistic
from teacherspec.metrics.scores.intervals import BootstrapDraws, bootstrap, interval_of, wilson_interval
from teacherspec.metrics.selective_prediction import augrc, aurc, correctness_auroc
from teacherspec.metrics.significance import bootstrap_p_value
from teacherspec.metrics.summary import top_label_summary
from teacherspec.predictions.generation import Answer
from teacherspec.spec.calibrate import Calibrate


def compare_tokens(
    rows: int, before: ClusteredScores, after: ClusteredScores, section: Calibrate
) -> dict[str, Any]:
    """Nested measures of one split, `before` and `after` calibration, every token weighing the same.

    Intervals resample prompts with all their rows, in pairs; binned errors have their noise floor and its
    95 % point, which assume independent tokens.

    Args:
        rows: number of them.
        before: tokens at temperature 1.
        after: the same tokens at the fitted temperature.
        section: bins, resamples, seed, level.
    """
    clusters = int(before.cluster.max()) + 1
    measured: dict[str, Any] = {"rows": rows, "tokens": len(before.cluster), "argmax_changed": 0}
    draws: dict[str, BootstrapDraws] = {}
    for when, scored in zip(WHEN, (before, after), strict=True):
        statistic = ClusteredStatistic(scored, clusters, section.n_bins)
        draws[when] = bootstrap(statistic, clusters, n_resamples=section.resamples, seed=section.seed)
        drawn = dict(
            zip(
                ClusteredStatistic.NAMES,
                zip(draws[when].observed, draws[when].resampled.T, strict=True),
                strict=True,
            )
        )
        for name in ClusteredStatistic.MEANS:
            interval = interval_of(*drawn[name], confidence=section.confidence)
            measured.setdefault(name, {})[when] = asdict(interval)
        for name, binning in ECE_BINNINGS.items():
            parts = binned_error(*drawn[name], scored.confidences, binning, section)
            measured.setdefault(name, {}).update({f"{part}{when}": value for part, value in parts.items()})
        summary = asdict(top_label_summary(scored.confidences, scored.correct, n_bins=section.n_bins))
        for name in PLAIN:
            if summary[name] is not None:
                measured.setdefault(name, {})[when] = summary[name]
    for name in ("nll", "ece"):
        pair = (_drawn(draws["before"], name), _drawn(draws["after"], name))
        measured[name]["change"] = asdict(change(*pair, section))
    measured["nll"]["p_value"] = bootstrap_p_value(
        _drawn(draws["after"], "nll")[1] - _drawn(draws["before"], "nll")[1]
    )
    return {**measured, "worsened": worsened(measured)}


def _drawn(draws: BootstrapDraws, name: str) -> Drawn:
    place = ClusteredStatistic.NAMES.index(name)
    return float(draws.observed[place]), draws.resampled[:, place]


def compare_answers(
    answers: Sequence[Answer], temperature: float, curve: Mapping[str, Any], section: Calibrate
) -> dict[str, Any]:
    """Calibration of test answers: of their length-normalised probability, then of the fitted curve.

    `aurc`, `augrc` and `correctness_auroc` depend on the order alone, which the curve does not change.

    Args:
        answers: N answers with their references.
        temperature: of the tokens.
        curve: fitted by `fit_answer_curve`.
        section: bins and level.
    """
    confidences, correct = score_answers(answers, temperature)
    share = wilson_interval(int(correct.sum()), len(correct), confidence=section.confidence)
    measured: dict[str, Any] = {
        "rows": len(answers),
        "exact_match": asdict(share),
        "aurc": aurc(confidences, correct),
        "augrc": augrc(confidences, correct),
        "ece": {"before": expected_calibration_error(confidences, correct, n_bins=section.n_bins)},
    }
    if 0 < correct.sum() < len(correct):
        measured["correctness_auroc"] = correctness_auroc(confidences, correct)
    if curve["status"] == "ok":
        after = answer_confidences(answers, temperature, curve)
        measured["ece"]["after"] = expected_calibration_error(after, correct, n_bins=section.n_bins)
    return measured
