"""What was found and what was kept, in numbers."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.duplicates import repeated
from teacherspec.prepare.dedup_and_split import Judged
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.mmap_columns import chunks
from teacherspec.prepare.pii import Private
from teacherspec.prepare.report.content_preview import measures
from teacherspec.prepare.report.drift import class_drift, word_drift
from teacherspec.prepare.report.learning_curve import learning_curve
from teacherspec.tasks.columns.row_schema import RowSchema

QUANTILES = {"p05": 0.05, "p50": 0.50, "p95": 0.95, "max": 1.0}


def metrics(
    ingested: Ingested, fields: RowSchema, judged: Judged, private: Private, quarantined: int
) -> dict[str, Any]:
    """All numbers of the report, nested for `dvc metrics diff`."""
    counts = judged.class_counts()
    drift = word_drift(ingested, fields, judged)
    splits = {}
    for number, name in judged.stored():
        splits[name] = _split(ingested, fields.unit(), judged, number, counts[number])
        splits[name] |= measures(ingested, fields, judged, number)
        distances = drift.get(name, {})
        if number > 0 and counts[number].sum() > 0:
            distances |= class_drift(counts[[0, number]])
        if distances:
            splits[name]["drift"] = distances
    rows = _rows(ingested, judged) | {"quarantined": quarantined}
    curve = learning_curve(ingested, fields, judged)
    looks_private = {"rows_searched": private.searched, "rows": len(private.rows), **private.counts()}
    more = {"learning_curve": curve, "changed": dict(sorted(ingested.changed.items()))}
    return {"rows": rows, "splits": splits, "classes": _classes(judged), "looks_private": looks_private} | {
        name: numbers for name, numbers in more.items() if numbers
    }


def size_quantiles(ingested: Ingested, judged: Judged, number: int = 101) -> dict[str, list[int]]:
    """For each split, its sizes at `number` equally spaced quantiles."""
    shares = np.linspace(0, 1, number)
    return {name: _lengths(ingested, judged, at, shares) for at, name in judged.stored()}


def _lengths(ingested: Ingested, judged: Judged, split: int, shares: npt.ArrayLike) -> list[int]:
    """Sizes of rows of a split up to which so many of its rows reach."""
    sizes = ingested.spool.numbers("size")
    counts: Counter[int] = Counter()
    for chunk in chunks(len(sizes)):
        chosen = judged.kept[chunk] & (judged.split[chunk] == split)
        here, times = np.unique(sizes[chunk][chosen], return_counts=True)
        counts.update(dict(zip(here.tolist(), times.tolist(), strict=True)))
    lengths = np.array(sorted(counts), np.int64)
    reached = np.cumsum([counts[length] for length in lengths.tolist()])
    wanted = np.maximum(np.ceil(np.asarray(shares) * reached[-1]), 1)
    found: list[int] = lengths[np.searchsorted(reached, wanted)].tolist()
    return found


def _rows(ingested: Ingested, judged: Judged) -> dict[str, int]:
    leaks = judged.found["leaks"]
    here, there = judged.label[leaks.rows], judged.label[leaks.because]
    torn = (here != NO_LABEL) & (there != NO_LABEL) & (here != there)
    return {
        "read": ingested.rows_read,
        "kept": int(judged.kept.sum()),
        "blank_lines": ingested.blank_lines,
        "left_out": ingested.left_out,
        "unsampled": judged.unsampled,
        "leaks_with_another_label": int(torn.sum()),
        "several_answers": len(repeated(judged.hashes.content, judged.kept, judged.scratch)),
        **{name: len(found.rows) for name, found in judged.found.items()},
    }


def _split(
    ingested: Ingested, unit: str, judged: Judged, number: int, counts: npt.NDArray[np.int64]
) -> dict[str, Any]:
    lengths = _lengths(ingested, judged, number, list(QUANTILES.values()))
    found: dict[str, Any] = {
        "rows": int(judged.split_rows()[number]),
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


def _classes(judged: Judged) -> dict[str, dict[str, int]]:
    counts = judged.class_counts()
    labelled = [(number, name) for number, name in judged.stored() if judged.roles[number] != "ood"]
    return {
        label: {name: int(counts[number, index]) for number, name in labelled}
        for index, label in enumerate(judged.label_names)
    }
