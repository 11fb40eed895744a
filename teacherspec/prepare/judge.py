"""What becomes of every valid row: its label and split, and whether it stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.indexing import Hashes, hash_text
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.near import NO_NEAR, Near, find_near
from teacherspec.prepare.overlap import Found, Mask, Rows, find_overlap, find_straddling, repeated
from teacherspec.prepare.problems import Problems
from teacherspec.prepare.section import Prepare
from teacherspec.prepare.source import BY_HASH, FIXED_SPLITS
from teacherspec.prepare.splits import SAMPLE_STREAM, assign, rank_within, uniform
from teacherspec.tasks.fields import RowFields, shown

DIGEST_ROWS = 16_384


@dataclass(frozen=True)
class Judged:
    """The verdict on every row of the spool, N rows.

    Attributes:
        label_names: class names in the order of the logits; empty for tasks without classes.
        split_names: in rising nearness to the report: `train` first, `test` last.
        roles: of each split; those of role `external` are never stored.
        split: `[N]` index into `split_names`.
        label: `[N]` index into `label_names`, -1 without.
        hashes: of every row; the first also orders rows on disk.
        kept: `[N]` whether the row stays.
        found: name of a finding → the rows it is about.
        unsampled: number of rows that their sources were told not to use.
    """

    label_names: tuple[str, ...]
    split_names: tuple[str, ...]
    roles: tuple[str, ...]
    split: npt.NDArray[np.int8]
    label: npt.NDArray[np.int32]
    hashes: Hashes
    kept: Mask
    found: Mapping[str, Found]
    unsampled: int

    def stored(self) -> list[tuple[int, str]]:
        """Number and name of each split that is stored."""
        return [(at, name) for at, name in enumerate(self.split_names) if self.roles[at] != "external"]

    def rows_of(self, split: int) -> npt.NDArray[np.int64]:
        """The kept rows of a split in the order of their content hash: any first part is a random sample."""
        rows = np.flatnonzero(self.kept & (self.split == split))
        return rows[np.lexsort((self.hashes.answer[rows], self.hashes.content[rows]))]

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S, C]` of each class in each split; rows without label count nowhere."""
        counts = np.zeros((len(self.split_names), len(self.label_names)), np.int64)
        counted = self.kept & (self.label != NO_LABEL)
        np.add.at(counts, (self.split[counted], self.label[counted]), 1)
        return counts

    def split_rows(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S]` of each split."""
        return np.bincount(self.split[self.kept], minlength=len(self.split_names))


def judge(
    ingested: Ingested, fields: RowFields, section: Prepare, problems: Problems, scratch: Path
) -> Judged:
    """Decide about every row. What is found is marked, not refused: that is the section's to say."""
    names, label = _labels(ingested, fields, problems)
    hashes = ingested.hashes()
    split_names, roles, split = _splits(ingested, hashes, section)
    stored = np.array([role != "external" for role in roles])[split]
    sampled = _sampled(ingested, hashes, label, section)
    digest = _digests(ingested, fields, repeated(hashes.content, sampled))
    placed = Rows(hashes.content, hashes.content_low, hashes.answer, label, split, digest)
    overlap = find_overlap(placed, sampled)
    distinct = sampled.copy()
    for one in (overlap.duplicates, overlap.leaks, overlap.conflicts):
        distinct[one.rows] = False
    straddling = find_straddling(hashes.group, split, distinct)
    distinct[straddling.rows] = False
    near = _near(ingested, fields, section, placed, distinct, scratch)
    found = {
        "duplicates": overlap.duplicates.only(stored),
        "leaks": overlap.leaks.only(stored),
        "conflicts": overlap.conflicts.only(stored),
        "group_leaks": straddling.only(stored),
        "near_leaks": near.leaks.only(stored),
        "near_duplicates": near.duplicates.only(stored),
        "near_disagreeing": near.disagreeing.only(stored),
    }
    kept = stored & sampled
    for name, policy in section.policies().items():
        if policy.action != "keep":
            kept[found[name].rows] = False
    unsampled = int((stored & ~sampled).sum())
    return Judged(names, split_names, roles, split, label, hashes, kept, found, unsampled)


def _sampled(ingested: Ingested, hashes: Hashes, label: npt.NDArray[np.int32], section: Prepare) -> Mask:
    """Rows `[N]` that the shares and the most rows per class of their sources admit."""
    spool = ingested.spool
    source = np.array(ingested.sources, np.int32)[spool.numbers("table")]
    place = uniform(hashes.content, section.seed, SAMPLE_STREAM)
    sampled: Mask = place < np.array([one.share for one in section.sources])[source]
    for number, one in enumerate(section.sources):
        if one.rows_per_class is not None:
            rows = np.flatnonzero(sampled & (source == number))
            sampled[rows] = rank_within(label[rows], place[rows]) < one.rows_per_class
    return sampled


def _near(
    ingested: Ingested, fields: RowFields, section: Prepare, placed: Rows, among: Mask, scratch: Path
) -> Near:
    rules = [rule for rule in fields.content if rule.near]
    if section.near_duplicates is None or not rules:
        return NO_NEAR
    return find_near(ingested.spool, rules, placed, among, section.near_duplicates.similarity, scratch)


def _digests(ingested: Ingested, fields: RowFields, needed: Mask) -> npt.NDArray[np.uint64]:
    """A hash of everything in a row, for the rows where it must choose among equals; 0 elsewhere."""
    digest = np.zeros(len(needed), np.uint64)
    names = {rule.name for rule in fields.columns()} | {"id"}
    columns = [name for name in ingested.spool.schema.names if name in names or name.startswith("kept:")]
    rows = np.flatnonzero(needed)
    for start in range(0, len(rows), DIGEST_ROWS):
        part = rows[start : start + DIGEST_ROWS]
        values = ingested.spool.gather(part, columns).to_pylist()
        digest[part] = [hash_text(repr(tuple(row.values()))) for row in values]
    return digest


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
            problems.add(fields.label.name, f"{shown(other)} and {shown(name)} differ only in case; use one")
    index = {name: position for position, name in enumerate(names)}
    # One entry more than there are codes: code -1 (no label) picks it.
    table = np.array([*(index[str(label)] for label in found), NO_LABEL], np.int32)
    return names, table[codes]


def _splits(
    ingested: Ingested, hashes: Hashes, section: Prepare
) -> tuple[tuple[str, ...], tuple[str, ...], npt.NDArray[np.int8]]:
    """Names and roles of the splits in rising nearness to the report, and each row's index there."""
    roles = dict(zip(FIXED_SPLITS, FIXED_SPLITS, strict=True))
    further = {source.split: source.role for source in section.sources if source.role is not None}
    *fitted, last = FIXED_SPLITS
    names = (*fitted, *sorted(further, key=lambda name: (further[name] != "external", name)), last)
    spool = ingested.spool
    ready = [section.sources[source].split for source in ingested.sources]
    target = np.array([names.index(name) if name != BY_HASH else -1 for name in ready], np.int8)
    split = target[spool.numbers("table")]
    if section.fractions is not None:
        keys = np.where(hashes.group != 0, hashes.group, hashes.content)
        hashed = assign(keys, section.fractions.in_order(), section.seed)
        of_fixed = np.array([names.index(name) for name in FIXED_SPLITS], np.int8)
        split = np.where(split == -1, of_fixed[hashed], split)
    return names, tuple({**roles, **further}[name] for name in names), split
