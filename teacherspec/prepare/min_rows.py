"""Whether every split has the rows and classes that the following stages need."""

from collections.abc import Callable

import numpy as np

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.mmap_columns import chunks
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.report.label_typos import misspelt
from teacherspec.spec.prepare.prepare import MinimumRows
from teacherspec.spec.prepare.split_names import FIXED_SPLITS
from teacherspec.tasks.shared.columns.base import shown


def check_minimums(
    assignment: Assignment, minimum: MinimumRows, place: Callable[[int], str], problems: Problems
) -> None:
    """Refuse empty splits, a single class, and classes with too few rows.

    Args:
        assignment: the rows.
        minimum: what is declared.
        place: row → its place for messages.
        problems: collects what is refused.
    """
    rows = assignment.split_rows()
    for at, name in assignment.stored():
        if rows[at] == 0:
            problems.add(
                "prepare", f"no rows reach the split `{name}` ({rows.sum()} rows in total); add rows"
            )
    names = assignment.class_names
    if not names:
        return
    if len(names) == 1 and assignment.label_sets is None:
        problems.add("label", f"only one class, {shown(names[0])}; a classifier needs at least two")
        return
    needed = len(names) * len(FIXED_SPLITS)
    in_fixed = sum(int(rows[assignment.split_names.index(name)]) for name in FIXED_SPLITS)
    if in_fixed < needed and assignment.label_sets is None:
        problems.add(
            "prepare",
            f"{in_fixed} rows cannot fill {len(names)} classes in "
            f"{len(FIXED_SPLITS)} splits (at least {needed} rows); add rows",
        )
        return
    counts = assignment.class_counts()
    total = counts.sum(axis=0)
    rows_of = dict(zip(names, total.tolist(), strict=True))
    for split, least in zip(FIXED_SPLITS, minimum.in_order(), strict=True):
        of_split = counts[assignment.split_names.index(split)]
        for label in np.flatnonzero(of_split < least):
            name = names[label]
            meant = misspelt(rows_of, name)
            problems.add(
                "label",
                f"{shown(name)} has {of_split[label]} rows in {split} ({total[label]} in total"
                f"{_first(assignment, int(label), place)}; prepare.min_rows_per_class.{split}: {least}); "
                + (f"did you mean {shown(meant)} ({rows_of[meant]} rows)? " if meant else "")
                + "add rows, or remove the class",
            )


def _first(assignment: Assignment, label: int, place: Callable[[int], str]) -> str:
    """The place of the first row of a class."""
    sets = assignment.label_sets
    codes = [label] if sets is None else np.flatnonzero(sets.members[:, label])
    for chunk in chunks(len(assignment.label)):
        here = np.flatnonzero(np.isin(assignment.label[chunk], codes))
        if len(here):
            return f", the first at {place(chunk.start + int(here[0]))}"
    return ""
