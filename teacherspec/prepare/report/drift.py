"""Distance of each split from train, with the distance expected by chance."""

from zlib import crc32

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.report.finding_messages import content_text
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import normalised
from teacherspec.text.words import words

MOST_ROWS = 20_000
"""Rows of a split that are compared: rows are in the order of a hash, so the first are a random sample."""

_BINS = 1 << 16

Counts = npt.NDArray[np.int64]


def word_drift(ingested: Ingested, fields: RowSchema, assignment: Assignment) -> dict[str, dict[str, float]]:
    """For each split but train: the distance of its words from train's, and the distance expected by chance.

    `words` is the Jensen-Shannon distance (base 2, 0 to 1; Lin 1991) between the word counts of train and
    of the split; `words_by_chance` the same for as many other rows of train. Words are counted in 65,536
    bins of a hash.
    """
    if not fields.texts():
        return {}
    train, *others = assignment.stored()
    train_rows = assignment.first_rows(train[0], MOST_ROWS)
    drift = {}
    for number, name in others:
        rows = assignment.first_rows(number, len(train_rows) // 2)
        if len(rows):
            reference_rows, chance_rows = train_rows[: -len(rows)], train_rows[-len(rows) :]
            reference = _words(ingested, fields, reference_rows)
            drift[name] = {
                "words": jensen_shannon(reference, _words(ingested, fields, rows)),
                "words_by_chance": jensen_shannon(reference, _words(ingested, fields, chance_rows)),
            }
    return drift


def class_drift(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """Distance of the class shares of a split from those of train, and the distance expected by chance.

    `classes` is the total variation distance (0: the same shares, 1: no class in common);
    `classes_by_chance` its expectation for rows drawn at random, by the normal approximation
    E|share - p| = sqrt(2 p (1 - p) / (pi n)). `classes_p_value` is the p-value of Pearson's chi-squared test
    of homogeneity.

    Args:
        counts: `[2, C]` rows of each class in train and in the split.
    """
    train, split = counts[0] / counts[0].sum(), counts[1] / counts[1].sum()
    by_chance = np.sqrt(2 * train * (1 - train) / (np.pi * counts[1].sum()))
    return {
        "classes": float(np.abs(train - split).sum() / 2),
        "classes_by_chance": float(by_chance.sum() / 2),
        "classes_p_value": _homogeneity(counts),
    }


def _homogeneity(counts: npt.NDArray[np.int64]) -> float:
    """p-value of Pearson's chi-squared test that both rows of counts `[2, C]` have the same shares."""
    from scipy.stats import chi2_contingency

    some = counts[:, counts.sum(axis=0) > 0]
    return float(chi2_contingency(some, correction=False).pvalue) if some.shape[1] > 1 else 1.0


def jensen_shannon(one: Counts, other: Counts) -> float:
    """Jensen-Shannon distance, base 2, of two lists of counts; 0 where one of them is empty."""
    from scipy.spatial.distance import jensenshannon

    return float(jensenshannon(one, other, base=2)) if one.sum() and other.sum() else 0.0


def _words(ingested: Ingested, fields: RowSchema, rows: npt.NDArray[np.int64]) -> Counts:
    columns = [rule.name for rule in fields.texts()]
    counts = np.zeros(_BINS, np.int64)
    for values in ingested.row_store.gather(rows, columns).to_pylist():
        found = words(normalised(content_text(fields.texts(), values)))
        np.add.at(counts, [crc32(word.encode()) % _BINS for word in found], 1)
    return counts
