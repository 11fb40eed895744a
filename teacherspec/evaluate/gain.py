"""The gain of fine-tuning: the teacher against its untrained base on the same rows, paired.

Whether a teacher was worth its training is a difference on the same rows, whose interval is far narrower than
those of the two numbers. Every gain is positive where the teacher is better.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.finding import Finding
from teacherspec.metrics.scores.intervals import bootstrap, interval_of


def gain(
    sums: Mapping[str, npt.NDArray[Any]],
    counts: npt.NDArray[Any],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Mean gain of each metric a unit, with its interval over resampled rows.

    Args:
        sums: metric → `[N]`, the gain of a row summed over its units: itself, its tokens or its queries.
        counts: `[N]` units of a row.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows.
        seed: of the resamples.
    """
    columns = np.stack(list(sums.values()), axis=1)
    draws = bootstrap(
        lambda chosen: columns[chosen].sum(axis=0) / counts[chosen].sum(),
        len(counts),
        n_resamples=resamples,
        seed=seed,
    )
    return {
        name: asdict(
            interval_of(float(draws.observed[place]), draws.resampled[:, place], confidence=confidence)
        )
        for place, name in enumerate(sums)
    }


def gain_findings(metrics: Mapping[str, Any], opponent: str) -> Iterator[Finding]:
    """What fine-tuning gained in accuracy on each set, as sentences.

    Args:
        metrics: content of `metrics.json`, with `gain`.
        opponent: what the teacher is compared with, in words.
    """
    for split, gained in metrics["gain"].items():
        found = gained["accuracy"]
        by = f"{_points(found['value'])} ({_points(found['low'])} to {_points(found['high'])})"
        if found["low"] > 0:
            yield Finding(
                "strength", "gain", f"Better than {opponent} on {split}: accuracy {by}.", dict(found)
            )
        elif found["high"] < 0:
            yield Finding(
                "weakness", "gain", f"Worse than {opponent} on {split}: accuracy {by}.", dict(found)
            )
        else:
            sentence = f"Fine-tuning gains nothing certain over {opponent} on {split}: accuracy {by}."
            yield Finding("weakness", "gain", sentence, dict(found))


def gain_text(gained: Mapping[str, Any]) -> str:
    """`+0.020 (0.004 to 0.036)`."""
    found = gained["accuracy"]
    return f"{found['value']:+.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _points(change: float) -> str:
    """`−1.2 points`."""
    return f"{100 * change:+.1f} points".replace("-", "−")
