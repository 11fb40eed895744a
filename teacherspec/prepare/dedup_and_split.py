"""What becomes of every valid row: its label and split, and whether it stays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.duplicates import Found, Rows, find_overlap, find_straddling, repeated
from teacherspec.prepare.dedup.near_duplicates import NO_NEAR, Near, find_near
from teacherspec.prepare.ingest import NO_LABEL, Ingested
from teacherspec.prepare.mmap_columns import Indices, Mask, Scratch, chunks, parts_by_size, parts_by_word
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.row_hashes import Hashes, hash_text
from teacherspec.prepare.row_sampling import sampled_rows
from teacherspec.prepare.split_assignment import assign, split_keys
from teacherspec.spec.prepare import Prepare
from teacherspec.spec.split_names import BY_HASH, FIXED_SPLITS
from teacherspec.tasks.columns.base import shown
from teacherspec.tasks.columns.row_schema import RowSchema

DIGEST_ROWS = 16_384
DIGEST_SIZE = 32 << 20
ROW_BYTES = 64
"""Memory that putting a row in order takes."""


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
        scratch: how many rows fit into memory at once.
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
    scratch: Scratch

    def stored(self) -> list[tuple[int, str]]:
        """Number and name of each split that is stored."""
        return [(at, name) for at, name in enumerate(self.split_names) if self.roles[at] != "external"]

    def rows_of(self, split: int, most_rows: int | None = None) -> Iterator[Indices]:
        """The kept rows of a split in parts, in the order of their content hash.

        Any first part is a random sample.

        Args:
            split: its number.
            most_rows: wanted in a part; by default what memory allows.
        """
        within = self.scratch.rows_at_once(ROW_BYTES)
        for rows in parts_by_word(
            self.hashes.content,
            lambda chunk: self.kept[chunk] & (self.split[chunk] == split),
            min(within, most_rows or within),
        ):
            yield rows[np.lexsort((self.hashes.answer[rows], self.hashes.content[rows]))]

    def first_rows(self, split: int, number: int) -> Indices:
        """The first kept rows of a split: a random sample."""
        found: list[Indices] = [np.empty(0, np.int64)]
        for rows in self.rows_of(split, 2 * number):
            found.append(rows)
            if sum(map(len, found)) >= number:
                break
        return np.concatenate(found)[:number]

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S, C]` of each class in each split; rows without label count nowhere."""
        counts = np.zeros((len(self.split_names), len(self.label_names)), np.int64)
        for chunk in chunks(len(self.kept)):
            counted = self.kept[chunk] & (self.label[chunk] != NO_LABEL)
            np.add.at(counts, (self.split[chunk][counted], self.label[chunk][counted]), 1)
        return counts

    def split_rows(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S]` of each split."""
        counts = np.zeros(len(self.split_names), np.int64)
        for chunk in chunks(len(self.kept)):
            counts += np.bincount(self.split[chunk][self.kept[chunk]], minlength=len(counts))
        return counts


def judge(
    ingested: Ingested, fields: RowSchema, section: Prepare, problems: Problems, scratch: Scratch
) -> Judged:
    """Decide about every row. What is found is marked, not refused: that is the section's to say."""
    names, label = _labels(ingested, fields, problems, scratch)
    hashes = ingested.hashes()
    split_names, roles, split = _splits(ingested, hashes, section, scratch)
    is_stored = np.array([role != "external" for role in roles])
    kept, unsampled = sampled_rows(ingested, hashes, label, section, scratch)
    digest = _digests(ingested, fields, repeated(hashes.content, kept, scratch), scratch)
    placed = Rows(hashes.content, hashes.content_low, hashes.answer, label, split, digest)
    overlap = find_overlap(placed, kept, scratch)
    distinct = scratch.column(len(kept), bool)
    distinct[:] = kept
    for one in (overlap.duplicates, overlap.leaks, overlap.conflicts):
        distinct[one.rows] = False
    straddling = find_straddling(hashes.group, split, distinct, scratch)
    distinct[straddling.rows] = False
    near = _near(ingested, fields, section, placed, distinct, scratch)
    found = {
        "duplicates": overlap.duplicates,
        "leaks": overlap.leaks,
        "conflicts": overlap.conflicts,
        "group_leaks": straddling,
        "near_leaks": near.leaks,
        "near_duplicates": near.duplicates,
        "near_disagreeing": near.disagreeing,
    }
    found = {name: one.only(is_stored[split[one.rows]]) for name, one in found.items()}
    for chunk in chunks(len(kept)):
        kept[chunk] &= is_stored[split[chunk]]
    for name, policy in section.policies().items():
        if policy.action != "keep":
            kept[found[name].rows] = False
    return Judged(names, split_names, roles, split, label, hashes, kept, found, unsampled, scratch)


def _near(
    ingested: Ingested, fields: RowSchema, section: Prepare, placed: Rows, among: Mask, scratch: Scratch
) -> Near:
    if section.near_duplicates is None:
        return NO_NEAR
    return find_near(ingested.spool, fields, placed, among, section.near_duplicates, scratch)


def _digests(
    ingested: Ingested, fields: RowSchema, needed: Indices, scratch: Scratch
) -> npt.NDArray[np.uint64]:
    """A hash of everything in a row, for the rows where it must choose among equals; 0 elsewhere."""
    digest = scratch.column(len(ingested.spool), np.uint64)
    names = {rule.name for rule in fields.columns()} | {"id"}
    columns = [name for name in ingested.spool.schema.names if name in names or name.startswith("kept:")]
    sizes = ingested.spool.numbers("size")[needed]
    for part in parts_by_size(needed, sizes, DIGEST_ROWS, DIGEST_SIZE):
        values = ingested.spool.gather(part, columns).to_pylist()
        digest[part] = [hash_text(repr(tuple(row.values()))) for row in values]
    return digest


def _labels(
    ingested: Ingested, fields: RowSchema, problems: Problems, scratch: Scratch
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
    labels = scratch.column(len(codes), np.int32)
    for chunk in chunks(len(codes)):
        labels[chunk] = table[codes[chunk]]
    return names, labels


def _splits(
    ingested: Ingested, hashes: Hashes, section: Prepare, scratch: Scratch
) -> tuple[tuple[str, ...], tuple[str, ...], npt.NDArray[np.int8]]:
    """Names and roles of the splits in rising nearness to the report, and each row's index there."""
    roles = dict(zip(FIXED_SPLITS, FIXED_SPLITS, strict=True))
    further = {source.split: source.role for source in section.sources if source.role is not None}
    *fitted, last = FIXED_SPLITS
    names = (*fitted, *sorted(further, key=lambda name: (further[name] != "external", name)), last)
    table = ingested.spool.numbers("table")
    ready = [section.sources[source].split for source in ingested.sources]
    target = np.array([names.index(name) if name != BY_HASH else -1 for name in ready], np.int8)
    of_fixed = np.array([names.index(name) for name in FIXED_SPLITS], np.int8)
    split = scratch.column(len(table), np.int8)
    for chunk in chunks(len(table)):
        split[chunk] = target[table[chunk]]
        if section.fractions is not None:
            keys = split_keys(hashes.content[chunk], hashes.group[chunk])
            hashed = of_fixed[assign(keys, section.fractions.in_order(), section.seed)]
            split[chunk] = np.where(split[chunk] == -1, hashed, split[chunk])
    return names, tuple({**roles, **further}[name] for name in names), split
