"""Which fractions of the rows the splits received, and the group that is too large for them."""

from typing import Any

import numpy as np

from teacherspec.prepare.dedup_and_split import ROW_BYTES, Assignment
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.mmap_columns import Mask, chunks, parts_by_word
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.prepare.split_names import BY_HASH, FIXED_SPLITS


def reached_fractions(ingested: Ingested, assignment: Assignment, section: Prepare) -> dict[str, Any]:
    """Of the kept rows of `by_hash` sources: the share of each split, and the largest group.

    Returns:
        `rows`; `fractions`: split → `declared` and `reached`; `groups` where rows have some: their `number`,
        and of the largest its `rows`, its `share` and the place of its `first_row`. Empty without such
        sources.
    """
    if section.fractions is None:
        return {}
    hashed = _rows_by_hash(ingested, assignment, section)
    counts = np.zeros(len(assignment.split_names), np.int64)
    for chunk in chunks(len(hashed)):
        counts += np.bincount(assignment.split[chunk][hashed[chunk]], minlength=len(counts))
    total = int(counts.sum())
    if not total:
        return {}
    fractions = {
        name: {"declared": declared, "reached": int(counts[assignment.split_names.index(name)]) / total}
        for name, declared in zip(FIXED_SPLITS, section.fractions.in_order(), strict=True)
    }
    groups = _groups(ingested, assignment, hashed, total)
    return {"rows": total, "fractions": fractions} | ({"groups": groups} if groups else {})


def _rows_by_hash(ingested: Ingested, assignment: Assignment, section: Prepare) -> Mask:
    """The kept rows `[N]` whose split `fractions` decide."""
    of_table = np.array([section.sources[source].split == BY_HASH for source in ingested.sources])
    table = ingested.row_store.numbers("table")
    mask: Mask = assignment.workspace.column(len(table), bool)
    for chunk in chunks(len(table)):
        mask[chunk] = assignment.keep[chunk] & of_table[table[chunk]]
    return mask


def _groups(ingested: Ingested, assignment: Assignment, among: Mask, total: int) -> dict[str, Any]:
    """Number of the groups of some rows, and the largest one; empty without groups."""
    group = assignment.hashes.group
    number, largest, first = 0, 0, 0
    within = assignment.workspace.rows_at_once(ROW_BYTES)
    for rows in parts_by_word(group, lambda chunk: among[chunk] & (group[chunk] != 0), within):
        if not len(rows):
            continue
        _, at, sizes = np.unique(group[rows], return_index=True, return_counts=True)
        number += len(sizes)
        if sizes.max() > largest:
            largest = int(sizes.max())
            first = int(rows[at[sizes.argmax()]])
    if not number:
        return {}
    return {
        "number": number,
        "rows": largest,
        "share": largest / total,
        "first_row": ingested.place(first),
    }
