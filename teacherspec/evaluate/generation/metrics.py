"""Quality of token predictions, with intervals over prompts: answers to one prompt are not independent."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.gain import gain
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.scores.intervals import Interval, bootstrap, interval_of
from teacherspec.predictions.generation import TokenPredictions

LARGEST_EXPONENT = 700.0
"""exp of more overflows float64."""


def token_quality(
    predictions: TokenPredictions,
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Metrics of a split at temperature 1, before any calibration.

    Args:
        predictions: of the split.
        confidence: level of the intervals.
        resamples: bootstrap resamples of prompts, with all their rows.
        seed: of the resamples.

    Returns:
        `rows`; `tokens`; `nll` and `accuracy` (share of tokens that are the model's first choice), every
        token weighing the same; `perplexity`, exp(nll); `nll_per_answer`, the mean over rows of the sum over
        their tokens, and `nll_macro`, the mean over rows of their means; `brier` and `ece` of tokens.
        Intervals where it is resampled.
    """
    nll, rows = predictions.nll(), len(predictions.ids)
    sums, hits = (
        np.bincount(predictions.row, weights=values, minlength=rows) for values in (nll, predictions.hit)
    )
    tokens = predictions.tokens
    of = predictions.cluster
    columns = (sums, hits, sums / tokens, tokens, np.ones(rows))
    totals = np.stack([np.bincount(of, weights=values) for values in columns], axis=1)

    def statistic(chosen: npt.NDArray[np.intp]) -> list[float]:
        total, right, means, count, answers = totals[chosen].sum(axis=0)
        return [total / count, right / count, total / answers, means / answers]

    draws = bootstrap(statistic, len(totals), n_resamples=resamples, seed=seed)
    names = ("nll", "accuracy", "nll_per_answer", "nll_macro")
    found = {
        name: interval_of(float(draws.observed[place]), draws.resampled[:, place], confidence=confidence)
        for place, name in enumerate(names)
    }
    return {
        "rows": rows,
        "tokens": int(tokens.sum()),
        **{name: asdict(interval) for name, interval in found.items()},
        "perplexity": asdict(perplexity(found["nll"])),
        "brier": float(token_brier(predictions).mean()),
        "ece": expected_calibration_error(token_confidence(predictions), predictions.hit),
    }


def perplexity(nll: Interval) -> Interval:
    """exp of an NLL and of the ends of its interval, at most the largest exponential there is."""
    ends = (min(end, LARGEST_EXPONENT) for end in (nll.value, nll.low, nll.high))
    return Interval(*(float(np.exp(end)) for end in ends))


def token_confidence(predictions: TokenPredictions) -> npt.NDArray[np.float64]:
    """Probability `[T]` of the most likely token at temperature 1; its logit is 0 by construction."""
    at_one = int(np.flatnonzero(predictions.betas == 1.0)[0])
    confidence: npt.NDArray[np.float64] = np.exp(-predictions.lse[:, at_one].astype(np.float64))
    return confidence.clip(max=1.0)


def token_brier(predictions: TokenPredictions) -> npt.NDArray[np.float64]:
    """Brier score `[T]` at temperature 1: 1 - 2 p_y + Σ p², where Σ p² = exp(LSE(2z) - 2 LSE(z))."""
    at_one, at_two = (int(np.flatnonzero(predictions.betas == beta)[0]) for beta in (1.0, 2.0))
    one, two = (predictions.lse[:, at].astype(np.float64) for at in (at_one, at_two))
    brier: npt.NDArray[np.float64] = 1.0 - 2.0 * np.exp(-predictions.nll()) + np.exp(two - 2.0 * one)
    return brier


def token_gain(teacher: TokenPredictions, base: TokenPredictions, **intervals: Any) -> dict[str, Any]:
    """Gain in `accuracy` of tokens, and in `nll` in nats a token, on the same rows, resampled by prompt.

    Args:
        teacher: of a split.
        base: of the same rows, in their order.
        intervals: level, resamples and seed.
    """
    gains = {"accuracy": teacher.hit.astype(np.float64) - base.hit, "nll": base.nll() - teacher.nll()}
    of_token = teacher.cluster[teacher.row]
    sums = {name: np.bincount(of_token, weights=one) for name, one in gains.items()}
    return dict(gain(sums, np.bincount(of_token), **intervals))


def hardest(
    predictions: TokenPredictions, texts: Mapping[str, tuple[str, str]], shown: int
) -> Sequence[tuple[object, ...]]:
    """The rows with the highest NLL a token: id, tokens, NLL a token, prompt, answer.

    Args:
        predictions: of a split.
        texts: row id → prompt and answer.
        shown: rows at most.
    """
    mean = np.bincount(predictions.row, weights=predictions.nll()) / predictions.tokens
    order = np.argsort(-mean, kind="stable")[:shown]
    return [
        (
            predictions.ids[row],
            int(predictions.tokens[row]),
            round(float(mean[row]), 6),
            *texts[predictions.ids[row]],
        )
        for row in order
    ]
