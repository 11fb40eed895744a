"""Results of human evaluation: win rate, mean ratings, and agreement of raters."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from teacherspec.metrics.scores.intervals import Interval, mean_interval, wilson_interval
from teacherspec.metrics.scores.validation import finite_values
from teacherspec.metrics.significance import mcnemar_exact, paired_bootstrap
from teacherspec.ratings.inter_rater import ordinal_agreement
from teacherspec.ratings.load_ratings import Rating
from teacherspec.ratings.pair_sampling import Side
from teacherspec.ratings.sheet_key import Key, KeyItem

SCORES: Mapping[tuple[str, Side], float] = {
    ("left", "left"): 1.0,
    ("right", "right"): 1.0,
    ("left", "right"): 0.0,
    ("right", "left"): 0.0,
    ("tie", "left"): 0.5,
    ("tie", "right"): 0.5,
}
"""Preference, side of the teacher → what the teacher scores on the pair."""


@dataclass(frozen=True)
class Verdict:
    """One rating from the side of the teacher.

    Attributes:
        content: digest of the pair.
        id: of its row.
        rater: who.
        preference: as given.
        score: 1 where the teacher is better, ½ for a tie, 0; None where the rater skipped the pair.
        teacher: rating of the teacher's answer, or None.
        other: rating of its opponent's.
        comment: of the rater.
    """

    content: str
    id: str
    rater: str
    preference: str
    score: float | None
    teacher: int | None
    other: int | None
    comment: str


@dataclass(frozen=True)
class Level:
    """Level of all intervals, and resamples and seed of the bootstrap ones."""

    confidence: float
    resamples: int
    seed: int


def verdicts(keys: Mapping[str, Key], ratings: Sequence[Rating], current: Collection[str]) -> list[Verdict]:
    """The ratings of these sheets on current answers, from the side of the teacher.

    Args:
        keys: id of the sheet → key.
        ratings: of any sheets.
        current: digests of the pairs that current answers make.
    """
    places = {(sheet, item.item): item for sheet, key in keys.items() for item in key.items}
    known = [
        (places[rating.line.sheet, rating.line.item], rating)
        for rating in ratings
        if rating.line.sheet in keys
    ]
    return [_verdict(item, rating) for item, rating in known if item.content in current]


def compare(
    keys: Mapping[str, Key], found: Sequence[Verdict], current: Collection[str], level: Level
) -> dict[str, Any]:
    """All numbers of one comparison, from sheets of the same opponent.

    Args:
        keys: id of the sheet → key; at least one.
        found: verdicts on their pairs.
        current: digests of the pairs that current answers make; ratings of others do not count.
        level: of the intervals.

    Returns:
        Counts, and where at least two pairs are rated, `win_rate` and the other measures.
    """
    shown = {item.content for key in keys.values() for item in key.items} & set(current)
    same = {one.content for key in keys.values() for one in key.identical} & set(current)
    rated = [verdict for verdict in found if verdict.score is not None]
    pairs = len({one.content for one in rated})
    numbers: dict[str, Any] = {
        "pairs": {"shown": len(shown), "rated": pairs, "identical": len(same)},
        "ratings": len(rated),
        "skipped": len(found) - len(rated),
        "raters": len({verdict.rater for verdict in found}),
    }
    if pairs > 1:
        numbers |= _wins(rated, len(same) / (len(same) + len(shown)), level)
        numbers |= _means(rated, level)
        numbers |= _agreement(rated, level)
    return numbers


def _verdict(item: KeyItem, rating: Rating) -> Verdict:
    line = rating.line
    teacher, other = (
        (line.left_rating, line.right_rating)
        if item.teacher == "left"
        else (line.right_rating, line.left_rating)
    )
    preference = str(line.preference)
    score = SCORES.get((preference, item.teacher))
    return Verdict(
        item.content, item.id, rating.rater, preference, score, teacher, other, line.comment.strip()
    )


def _by_pair(values: Sequence[tuple[str, float]]) -> dict[str, list[float]]:
    """Values of each pair, in the order of the digests, so that the order of files has no influence."""
    found = defaultdict(list)
    for content, value in values:
        found[content].append(value)
    return dict(sorted(found.items()))


def _wins(rated: Sequence[Verdict], identical: float, level: Level) -> dict[str, Any]:
    """Win rate, and how often the left side is preferred.

    Args:
        rated: verdicts with a score.
        identical: share of the drawn pairs whose answers are equal, which are ties.
        level: of the intervals.
    """
    by_pair = _by_pair([(one.content, one.score or 0.0) for one in rated])
    scores = np.array([np.mean(given) for given in by_pair.values()])
    different = mean_score_interval(scores, confidence=level.confidence)
    wins, losses = int((scores > 0.5).sum()), int((scores < 0.5).sum())
    lefts = sum(one.preference == "left" for one in rated)
    sided = lefts + sum(one.preference == "right" for one in rated)
    overall = {end: (1 - identical) * value + identical / 2 for end, value in asdict(different).items()}
    position = wilson_interval(lefts, sided, confidence=level.confidence) if sided else None
    return {
        "win_rate": overall,
        "win_rate_where_different": asdict(different),
        "wins": wins,
        "ties": len(scores) - wins - losses,
        "losses": losses,
        "p_value": mcnemar_exact(losses, wins),
        **({"left_preferred": asdict(position)} if position else {}),
    }


def mean_score_interval(scores: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Adjusted Wald interval of a mean score in [0, 1].

    For scores 1 (win), ½ (tie) and 0 (loss) the mean is ½ + (wins - losses) / 2n, and this is the interval
    of Bonett & Price (2012) for a difference of paired proportions: one win and one loss are added, so that
    it has a width also where all pairs have the same result. Scores between (means of several raters) enter
    as they are; the number of pairs counts, not the number of ratings.

    Args:
        scores: `[N]`, one a pair.
        confidence: level of the interval.

    Raises:
        ValueError: no scores, or one outside [0, 1].
    """
    given = finite_values(scores, name="scores")
    if given.min() < 0.0 or given.max() > 1.0:
        raise ValueError(f"scores: given range [{given.min()}, {given.max()}]; expected [0, 1]")
    adjusted = np.append(given, [0.0, 1.0])
    half = float(ndtri(0.5 + confidence / 2) * adjusted.std() / np.sqrt(len(adjusted)))
    centre = float(adjusted.mean())
    return Interval(float(given.mean()), max(0.0, centre - half), min(1.0, centre + half))


def _means(rated: Sequence[Verdict], level: Level) -> dict[str, Any]:
    """Mean ratings of both, over pairs both of whose answers were rated."""
    both = [one for one in rated if one.teacher is not None and one.other is not None]
    teacher = _by_pair([(one.content, float(one.teacher or 0)) for one in both])
    other = _by_pair([(one.content, float(one.other or 0)) for one in both])
    if len(teacher) < 2:
        return {}
    of_teacher, of_other = ([float(np.mean(given)) for given in side.values()] for side in (teacher, other))
    teacher_mean, other_mean = (
        mean_interval(values, n_resamples=level.resamples, seed=level.seed, confidence=level.confidence)
        for values in (of_teacher, of_other)
    )
    difference = paired_bootstrap(
        of_other, of_teacher, n_resamples=level.resamples, seed=level.seed, confidence=level.confidence
    )
    return {
        "rating": {
            "pairs": len(teacher),
            "teacher": asdict(teacher_mean),
            "opponent": asdict(other_mean),
            "difference": asdict(difference.difference),
        }
    }


def _agreement(rated: Sequence[Verdict], level: Level) -> dict[str, Any]:
    """Krippendorff's alpha of preferences and of ratings, where it is defined."""
    preferences = _by_pair([(one.content, one.score or 0.0) for one in rated])
    ratings = _by_pair(
        [
            (f"{one.content} {system}", float(given))
            for one in rated
            for system, given in (("teacher", one.teacher), ("other", one.other))
            if given is not None
        ]
    )
    found = {}
    for name, given in (("preference", preferences), ("rating", ratings)):
        agreement = ordinal_agreement(
            list(given.values()), n_resamples=level.resamples, seed=level.seed, confidence=level.confidence
        )
        if agreement is not None:
            found[name] = {**asdict(agreement.alpha), "units": agreement.units}
    return {"alpha": found} if found else {}
