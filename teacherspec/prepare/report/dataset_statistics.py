"""Numbers about the rows read, removed and kept."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.duplicates import repeated
from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.mmap_columns import chunks
from teacherspec.prepare.pii import PiiMatches
from teacherspec.prepare.report.content_preview import measures
from teacherspec.prepare.report.drift import class_drift, word_drift
from teacherspec.prepare.report.learning_curve import learning_curve
from teacherspec.prepare.report.reached_fractions import reached_fractions
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.splits import UNLABELLED
from teacherspec.tasks.shared.columns.row_schema import RowSchema

QUANTILES = {"p05": 0.05, "p50": 0.50, "p95": 0.95, "max": 1.0}


def metrics(
    ingested: Ingested,
    fields: RowSchema,
    assignment: Assignment,
    section: Prepare,
    pii: PiiMatches,
    quarantined: int,
) -> dict[str, Any]:
    """All numbers of the report, nested for `dvc metrics diff`."""
    counts = assignment.class_counts()
    drift = word_drift(ingested, fields, assignment)
    splits = {}
    train, _ = assignment.stored()[0]
    for number, name in assignment.stored():
        splits[name] = _split(ingested, fields.unit(), assignment, number, counts[number])
        splits[name] |= measures(ingested, fields, assignment, number)
        distances = drift.get(name, {})
        # The test of drift takes every row for one draw of a class.
        if assignment.label_sets is None and number != train and counts[number].sum() > 0:
            distances |= class_drift(counts[[train, number]])
        if distances:
            splits[name]["drift"] = distances
    rows = _rows(ingested, assignment) | {"quarantined": quarantined}
    curve = learning_curve(ingested, fields, assignment)
    looks_private = {"rows_searched": pii.searched, "rows": len(pii.rows), **pii.counts()}
    more = {
        "learning_curve": curve,
        "changed": dict(sorted(ingested.changed.items())),
        "by_hash": reached_fractions(ingested, assignment, section),
    }
    return {
        "rows": rows,
        "splits": splits,
        "classes": _classes(assignment),
        "looks_private": looks_private,
    } | {name: numbers for name, numbers in more.items() if numbers}


def size_quantiles(ingested: Ingested, assignment: Assignment, number: int = 101) -> dict[str, list[int]]:
    """For each split, its sizes at `number` equally spaced quantiles."""
    shares = np.linspace(0, 1, number)
    return {name: _lengths(ingested, assignment, at, shares) for at, name in assignment.stored()}


def _lengths(ingested: Ingested, assignment: Assignment, split: int, shares: npt.ArrayLike) -> list[int]:
    """Quantiles of the sizes of the rows of a split."""
    sizes = ingested.row_store.numbers("size")
    counts: Counter[int] = Counter()
    for chunk in chunks(len(sizes)):
        chosen = assignment.keep[chunk] & (assignment.split[chunk] == split)
        here, times = np.unique(sizes[chunk][chosen], return_counts=True)
        counts.update(dict(zip(here.tolist(), times.tolist(), strict=True)))
    lengths = np.array(sorted(counts), np.int64)
    reached = np.cumsum([counts[length] for length in lengths.tolist()])
    wanted = np.maximum(np.ceil(np.asarray(shares) * reached[-1]), 1)
    found: list[int] = lengths[np.searchsorted(reached, wanted)].tolist()
    return found


def _rows(ingested: Ingested, assignment: Assignment) -> dict[str, int]:
    leaks = assignment.matches["leaks"]
    here, there = assignment.label[leaks.rows], assignment.label[leaks.partners]
    disagree = (here != NO_LABEL) & (there != NO_LABEL) & (here != there)
    return {
        "read": ingested.rows_read,
        "kept": int(assignment.keep.sum()),
        "blank_lines": ingested.blank_lines,
        "left_out": ingested.left_out,
        "unsampled": assignment.unsampled,
        "leaks_with_another_label": int(disagree.sum()),
        "several_answers": len(repeated(assignment.hashes.content, assignment.keep, assignment.workspace)),
        **{name: len(matches.rows) for name, matches in assignment.matches.items()},
    }


def _split(
    ingested: Ingested, unit: str, assignment: Assignment, number: int, counts: npt.NDArray[np.int64]
) -> dict[str, Any]:
    lengths = _lengths(ingested, assignment, number, list(QUANTILES.values()))
    found: dict[str, Any] = {
        "rows": int(assignment.split_rows()[number]),
        unit: dict(zip(QUANTILES, lengths, strict=True)),
    }
    if counts.sum() > 0:
        found["balance"] = balance(counts)
        found["smallest_class"] = int(counts.min())
        found["largest_class"] = int(counts.max())
    return found


def balance(counts: npt.NDArray[np.int64]) -> float:
    """Evenness of class counts `[C]`: entropy over its maximum; 1 when all are equal (Pielou 1966)."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(counts))) if len(counts) > 1 else 1.0


def _classes(assignment: Assignment) -> dict[str, dict[str, int]]:
    counts = assignment.class_counts()
    labelled = [
        (number, name) for number, name in assignment.stored() if assignment.roles[number] not in UNLABELLED
    ]
    return {
        label: {name: int(counts[number, index]) for number, name in labelled}
        for index, label in enumerate(assignment.class_names)
    }
