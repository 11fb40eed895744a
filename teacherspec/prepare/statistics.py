"""What was found and what was kept, in numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.drift import class_drift, word_drift
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.judge import Judged
from teacherspec.prepare.overlap import repeated
from teacherspec.prepare.privacy import Private
from teacherspec.prepare.sufficiency import learning_curve
from teacherspec.tasks.fields import RowFields

QUANTILES = {"p05": 0.05, "p50": 0.50, "p95": 0.95, "max": 1.0}


def metrics(
    ingested: Ingested, fields: RowFields, judged: Judged, private: Private, quarantined: int
) -> dict[str, Any]:
    """All numbers of the report, nested for `dvc metrics diff`."""
    characters = ingested.spool.numbers("characters")
    counts = judged.class_counts()
    drift = word_drift(ingested, fields, judged)
    splits = {}
    for number, name in judged.stored():
        splits[name] = _split(judged, number, characters)
        distances = drift.get(name, {})
        if number > 0 and counts[number].sum() > 0:
            distances |= class_drift(counts[[0, number]])
        if distances:
            splits[name]["drift"] = distances
    rows = _rows(ingested, judged) | {"quarantined": quarantined}
    curve = learning_curve(ingested, fields, judged)
    looks_private = {"rows_searched": private.searched, "rows": len(private.rows), **private.counts()}
    return {"rows": rows, "splits": splits, "classes": _classes(judged), "looks_private": looks_private} | (
        {"learning_curve": curve} if curve else {}
    )


def length_quantiles(ingested: Ingested, judged: Judged, number: int = 101) -> dict[str, list[int]]:
    """For each split, its lengths in characters at `number` equally spaced quantiles."""
    characters = ingested.spool.numbers("characters")
    shares = np.linspace(0, 1, number)
    return {
        name: np.quantile(
            characters[judged.kept & (judged.split == at)], shares, method="inverted_cdf"
        ).tolist()
        for at, name in judged.stored()
    }


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
        "several_answers": int((judged.kept & repeated(judged.hashes.content, judged.kept)).sum()),
        **{name: len(found.rows) for name, found in judged.found.items()},
    }


def _split(judged: Judged, number: int, characters: npt.NDArray[np.int32]) -> dict[str, Any]:
    rows = judged.kept & (judged.split == number)
    lengths = np.quantile(characters[rows], list(QUANTILES.values()), method="inverted_cdf")
    found: dict[str, Any] = {
        "rows": int(rows.sum()),
        "characters": {name: int(value) for name, value in zip(QUANTILES, lengths, strict=True)},
    }
    counts = np.bincount(judged.label[rows & (judged.label != NO_LABEL)], minlength=len(judged.label_names))
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
