"""What becomes of every valid row: its label, split and id, and whether it stays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.overlap import Overlap, Rows, find_overlap
from teacherspec.prepare.problems import Problems
from teacherspec.prepare.section import Prepare
from teacherspec.prepare.sources import BY_HASH, FIXED_SPLITS
from teacherspec.prepare.splits import assign
from teacherspec.prepared import Role
from teacherspec.tasks.fields import RowFields, shown


@dataclass(frozen=True)
class Judged:
    """The verdict on every row of the spool, N rows.

    Attributes:
        label_names: class names in the order of the logits; empty for tasks without classes.
        split_names: in rising nearness to the report: `train` first, `test` last.
        roles: of each split.
        split: `[N]` index into `split_names`.
        label: `[N]` index into `label_names`, -1 without.
        keys: `[N]` first 64 bits of the content hash; also the order of the rows on disk.
        kept: `[N]` whether the row stays.
        overlap: why others do not.
    """

    label_names: tuple[str, ...]
    split_names: tuple[str, ...]
    roles: tuple[Role, ...]
    split: npt.NDArray[np.int8]
    label: npt.NDArray[np.int32]
    keys: npt.NDArray[np.uint64]
    kept: npt.NDArray[np.bool_]
    overlap: Overlap

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S, C]` of each class in each split; rows without label count nowhere."""
        counts = np.zeros((len(self.split_names), len(self.label_names)), np.int64)
        counted = self.kept & (self.label != NO_LABEL)
        np.add.at(counts, (self.split[counted], self.label[counted]), 1)
        return counts

    def split_rows(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S]` of each split."""
        return np.bincount(self.split[self.kept], minlength=len(self.split_names))


def judge(ingested: Ingested, fields: RowFields, section: Prepare, problems: Problems) -> Judged:
    """Decide about every row. Findings are marked, not yet refused: that is the section's to say."""
    spool = ingested.spool
    names, label = _labels(ingested, fields, problems)
    split_names, roles, split = _splits(ingested, section)
    keys = spool.numbers("key_high")
    overlap = find_overlap(
        Rows(keys, spool.numbers("key_low"), spool.numbers("answer"), label, split, spool.numbers("digest"))
    )
    kept = np.ones(len(spool), bool)
    for found in (overlap.duplicates, overlap.leaks, overlap.conflicts):
        kept[found.rows] = False
    return Judged(names, split_names, roles, split, label, keys, kept, overlap)


def _labels(
    ingested: Ingested, fields: RowFields, problems: Problems
) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """The label names in the order of the logits, and each row's index there.

    Declared names keep their order; found ones are sorted, as numbers where all are numbers.
    """
    codes: npt.NDArray[np.int32] = ingested.spool.numbers("label")
    if fields.label is None:
        return (), codes
    found = list(ingested.labels)
    if fields.label.label_names is not None:
        names = tuple(fields.label.label_names)
    elif all(isinstance(label, int) for label in found):
        names = tuple(map(str, sorted(found, key=int)))
    else:
        names = tuple(sorted(map(str, found)))
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            problems.add(
                f"{fields.label.name}: the labels {shown(other)} and {shown(name)} differ only in case"
            )
    index = {name: position for position, name in enumerate(names)}
    # One entry more than there are codes: code -1 (no label) picks it.
    table = np.array([*(index[str(label)] for label in found), NO_LABEL], np.int32)
    return names, table[codes]


def _splits(
    ingested: Ingested, section: Prepare
) -> tuple[tuple[str, ...], tuple[Role, ...], npt.NDArray[np.int8]]:
    """Names and roles of the splits in rising nearness to the report, and each row's index there."""
    *fitted, last = FIXED_SPLITS
    further = {source.split: source.role for source in section.sources if source.role is not None}
    names = (*fitted, *sorted(further), last)
    roles: tuple[Role, ...] = (
        "train",
        "validation",
        "calibration",
        *(further[n] for n in sorted(further)),
        "test",
    )
    spool = ingested.spool
    ready = [section.sources[source].split for source in ingested.sources]
    target = np.array([names.index(name) if name != BY_HASH else -1 for name in ready], np.int8)
    split = target[spool.numbers("table")]
    if section.fractions is not None:
        hashed = assign(spool.numbers("key_high"), section.fractions.in_order(), section.seed)
        of_fixed = np.array([names.index(name) for name in FIXED_SPLITS], np.int8)
        split = np.where(split == -1, of_fixed[hashed], split)
    return names, roles, split
