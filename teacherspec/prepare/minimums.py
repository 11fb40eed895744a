"""Whether every split has the rows and classes that the stages behind it need."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.judge import Judged
from teacherspec.prepare.problems import Problems
from teacherspec.prepare.section import MinimumRows
from teacherspec.prepare.source import FIXED_SPLITS
from teacherspec.tasks.fields import shown

COMMONER = 10
"""How many times the rows of a class another must have to be what was meant."""


def check_minimums(judged: Judged, minimum: MinimumRows, problems: Problems) -> None:
    """Refuse empty splits, a single class, and classes with too few rows."""
    rows = judged.split_rows()
    for at, name in judged.stored():
        if rows[at] == 0:
            problems.add("prepare", f"no rows reach the split `{name}` ({rows.sum()} rows in all); add rows")
    if not judged.label_names:
        return
    if len(judged.label_names) == 1:
        problems.add(
            "label", f"only one class, {shown(judged.label_names[0])}; a classifier needs at least two"
        )
        return
    needed = len(judged.label_names) * len(FIXED_SPLITS)
    in_fixed = sum(int(rows[judged.split_names.index(name)]) for name in FIXED_SPLITS)
    if in_fixed < needed:
        problems.add(
            "prepare",
            f"{in_fixed} rows cannot fill {len(judged.label_names)} classes in "
            f"{len(FIXED_SPLITS)} splits ({needed} rows at the very least); add rows",
        )
        return
    counts = judged.class_counts()
    in_all = counts.sum(axis=0)
    for split, least in zip(FIXED_SPLITS, minimum.in_order(), strict=True):
        of_split = counts[judged.split_names.index(split)]
        for label in np.flatnonzero(of_split < least):
            problems.add(
                "label",
                f"{shown(judged.label_names[label])} has {of_split[label]} rows in {split} "
                f"({in_all[label]} in all; prepare.min_rows_per_class.{split}: {least}); "
                f"{_meant(int(label), judged.label_names, in_all)}add rows, or take the class out",
            )


def _meant(label: int, names: Sequence[str], rows: npt.NDArray[np.int64]) -> str:
    """The class that a rare one may be a misspelling of: written alike, and far more common."""
    common = [name for name, count in zip(names, rows, strict=True) if count >= COMMONER * rows[label]]
    close = [
        name for name in get_close_matches(names[label], common, n=1, cutoff=0.75) if name != names[label]
    ]
    return f"did you mean {shown(close[0])} ({rows[names.index(close[0])]} rows)? " if close else ""
