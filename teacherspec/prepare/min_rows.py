"""Whether every split has the rows and classes that the stages behind it need."""

from collections.abc import Callable

import numpy as np

from teacherspec.prepare.dedup_and_split import Judged
from teacherspec.prepare.mmap_columns import chunks
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.report.label_typos import misspelt
from teacherspec.spec.prepare import MinimumRows
from teacherspec.spec.split_names import FIXED_SPLITS
from teacherspec.tasks.columns.base import shown


def check_minimums(
    judged: Judged, minimum: MinimumRows, place: Callable[[int], str], problems: Problems
) -> None:
    """Refuse empty splits, a single class, and classes with too few rows.

    Args:
        judged: the rows.
        minimum: what is declared.
        place: where a row lies, in words.
        problems: what is refused.
    """
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
    rows_of = dict(zip(judged.label_names, in_all.tolist(), strict=True))
    for split, least in zip(FIXED_SPLITS, minimum.in_order(), strict=True):
        of_split = counts[judged.split_names.index(split)]
        for label in np.flatnonzero(of_split < least):
            name = judged.label_names[label]
            meant = misspelt(rows_of, name)
            problems.add(
                "label",
                f"{shown(name)} has {of_split[label]} rows in {split} ({in_all[label]} in all"
                f"{_first(judged, int(label), place)}; prepare.min_rows_per_class.{split}: {least}); "
                + (f"did you mean {shown(meant)} ({rows_of[meant]} rows)? " if meant else "")
                + "add rows, or take the class out",
            )


def _first(judged: Judged, label: int, place: Callable[[int], str]) -> str:
    """Where the first row of a class lies."""
    for chunk in chunks(len(judged.label)):
        here = np.flatnonzero(judged.label[chunk] == label)
        if len(here):
            return f", the first at {place(chunk.start + int(here[0]))}"
    return ""
