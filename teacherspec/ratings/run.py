"""The stage `ratings`: human evaluation of generated answers as numbers. Runs no model.

A stage of its own and no part of `evaluate`: one more rating must not make a model generate all answers
again, and new answers need not be those that were rated.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from teacherspec.errors import DataError
from teacherspec.generated_answers import load_answers
from teacherspec.ratings.load_ratings import Rating, load_ratings
from teacherspec.ratings.pair_sampling import Opponent, pairs_against
from teacherspec.ratings.sheet_key import Key, load_keys
from teacherspec.ratings.win_rates import Level, Verdict, compare, verdicts
from teacherspec.runtime.atomic_io import round_floats, write_json, write_tsv

COLUMNS = ("against", "id", "score", "ratings", "teacher", "opponent", "comments")
"""Columns of `pairs.tsv`."""


def run_ratings(reviews: Path, evaluated: Path, report: Path, level: Level) -> dict[str, Any]:
    """Read all ratings and report them.

    Args:
        reviews: folder with keys and ratings; without keys there is nothing to report.
        evaluated: folder that `evaluate` left.
        report: folder for `metrics.json`, and `pairs.tsv` with the pairs the teacher loses first.
        level: of the intervals.

    Returns:
        Opponent → its numbers, as in `metrics.json`.

    Raises:
        DataError: names everything that is wrong with keys and ratings; or there are keys but no answers.
    """
    problems: list[str] = []
    keys: dict[str, Key] = {}
    try:
        keys = load_keys(reviews)
    except DataError as error:
        problems += error.problems
    ratings = load_ratings(reviews, keys) if not problems else []
    if problems:
        raise DataError(problems)
    numbers, table = {}, []
    for opponent in get_args(Opponent):
        own = {sheet: key for sheet, key in keys.items() if key.against == opponent}
        if own:
            current = current_contents(evaluated, opponent)
            found = verdicts(own, ratings, current)
            warn_outdated(opponent, own, ratings, found)
            numbers[opponent] = compare(own, found, current, level)
            numbers[opponent]["outdated"] = _rated(own, ratings) - len(found)
            table += list(_rows(opponent, found))
    write_json(report / "metrics.json", round_floats(numbers))
    write_tsv(report / "pairs.tsv", COLUMNS, table)
    return numbers


def current_contents(evaluated: Path, opponent: Opponent) -> frozenset[str]:
    """Digests of the pairs that current answers make."""
    return frozenset(pair.content for pair in pairs_against(load_answers(evaluated), opponent))


def _rated(keys: Mapping[str, Key], ratings: Sequence[Rating]) -> int:
    return sum(rating.line.sheet in keys for rating in ratings)


def warn_outdated(
    opponent: Opponent, keys: Mapping[str, Key], ratings: Sequence[Rating], found: Sequence[Verdict]
) -> None:
    """Print to stderr how many ratings are of answers that the teacher no longer gives."""
    outdated = _rated(keys, ratings) - len(found)
    if outdated:
        print(
            f"ratings: {outdated} ratings against {opponent} are of answers that the teacher no longer "
            "gives, and do not count; `python -m teacherspec rating-sheet` writes a new sheet",
            file=sys.stderr,
        )


def _rows(opponent: Opponent, found: Sequence[Verdict]) -> Iterator[Sequence[object]]:
    """One row for each rated pair, those that the teacher loses first."""
    pairs = defaultdict(list)
    for verdict in found:
        pairs[verdict.id].append(verdict)
    rows = []
    for name, given in pairs.items():
        scores = [one.score for one in given if one.score is not None]
        comments = " / ".join(one.comment for one in given if one.comment)
        ends = [_mean([one.teacher for one in given]), _mean([one.other for one in given])]
        rows.append((opponent, name, _mean(scores), len(scores), *ends, comments))
    return iter(sorted(rows, key=lambda row: (row[2] == "", row[2], row[1])))


def _mean(given: Sequence[float | None]) -> float | str:
    values = [value for value in given if value is not None]
    return round(float(np.mean(values)), 6) if values else ""
