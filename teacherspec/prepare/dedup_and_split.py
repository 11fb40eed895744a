"""Assigns every valid row its label and split, and decides whether it is kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.duplicates import Matches, RowKeys, find_group_leaks, find_overlap, repeated
from teacherspec.prepare.dedup.near_duplicates import (
    NO_NEAR_DUPLICATES,
    NearDuplicateMatches,
    find_near_duplicates,
)
from teacherspec.prepare.ingest import EXTRA_PREFIX, NO_LABEL, Ingested
from teacherspec.prepare.label_sets import LabelSets, label_sets
from teacherspec.prepare.mmap_columns import Indices, Mask, Workspace, chunks, parts_by_size, parts_by_word
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.row_hashes import Hashes, hash_text
from teacherspec.prepare.row_sampling import sampled_rows
from teacherspec.prepare.split_assignment import assign, split_keys
from teacherspec.prepare.stratified_splits import stratified
from teacherspec.runtime.atomic_io import WHOLE_NUMBER, number_first
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.spec.prepare.split_names import BY_HASH, FIXED_SPLITS, TRANSFER
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.text.look_alikes import difference, look_alikes, spelt_out

DIGEST_ROWS = 16_384
DIGEST_SIZE = 32 << 20
ROW_BYTES = 64
"""Memory that sorting takes per row."""


@dataclass(frozen=True)
class Assignment:
    """Label and split of each of the N rows of the row store, and whether it is kept.

    Attributes:
        label_names: class names in the order of the logits, or the sets of labels that rows have; empty for
            tasks without classes.
        split_names: ordered by nearness to the report: transfer sets first, then `train`, `test` last.
        roles: of each split; those of role `external` are never stored.
        split: `[N]` index into `split_names`.
        label: `[N]` index into `label_names`, -1 without.
        hashes: of every row; the first also orders rows on disk.
        keep: `[N]` whether the row is kept.
        matches: name of a finding → its rows.
        unsampled: number of rows that the sampling of their sources left out.
        workspace: limits how many rows are in memory at once.
        label_sets: which classes each of `label_names` stands for, where a row may have several.
    """

    label_names: tuple[str, ...]
    split_names: tuple[str, ...]
    roles: tuple[str, ...]
    split: npt.NDArray[np.int8]
    label: npt.NDArray[np.int32]
    hashes: Hashes
    keep: Mask
    matches: Mapping[str, Matches]
    unsampled: int
    workspace: Workspace
    label_sets: LabelSets | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in the order of the logits; empty for tasks without classes."""
        return self.label_names if self.label_sets is None else self.label_sets.class_names

    def stored(self) -> list[tuple[int, str]]:
        """Number and name of each split that is stored: `train` first, transfer sets last."""
        numbers = sorted(range(len(self.roles)), key=lambda at: self.roles[at] == TRANSFER)
        return [(at, self.split_names[at]) for at in numbers if self.roles[at] != "external"]

    def rows_of(self, split: int, most_rows: int | None = None) -> Iterator[Indices]:
        """The kept rows of a split in parts, in the order of their content hash.

        Any prefix is a random sample.

        Args:
            split: index of the split.
            most_rows: of a part; by default what memory allows.
        """
        within = self.workspace.rows_at_once(ROW_BYTES)
        for rows in parts_by_word(
            self.hashes.content,
            lambda chunk: self.keep[chunk] & (self.split[chunk] == split),
            min(within, most_rows or within),
        ):
            yield rows[np.lexsort((self.hashes.answer[rows], self.hashes.content[rows]))]

    def first_rows(self, split: int, number: int) -> Indices:
        """The first kept rows of a split: a random sample."""
        parts: list[Indices] = [np.empty(0, np.int64)]
        for rows in self.rows_of(split, 2 * number):
            parts.append(rows)
            if sum(map(len, parts)) >= number:
                break
        return np.concatenate(parts)[:number]

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S, C]` with each class in each split; rows without label are not counted."""
        counts = np.zeros((len(self.split_names), len(self.label_names)), np.int64)
        for chunk in chunks(len(self.keep)):
            counted = self.keep[chunk] & (self.label[chunk] != NO_LABEL)
            np.add.at(counts, (self.split[chunk][counted], self.label[chunk][counted]), 1)
        return counts if self.label_sets is None else counts @ self.label_sets.members

    def split_rows(self) -> npt.NDArray[np.int64]:
        """Kept rows `[S]` of each split."""
        counts = np.zeros(len(self.split_names), np.int64)
        for chunk in chunks(len(self.keep)):
            counts += np.bincount(self.split[chunk][self.keep[chunk]], minlength=len(counts))
        return counts


def assign_splits(
    ingested: Ingested, fields: RowSchema, section: Prepare, problems: Problems, workspace: Workspace
) -> Assignment:
    """Decide about every row. Findings are recorded here; whether they are refused depends on the section."""
    names, label = _labels(ingested, fields, problems, workspace)
    hashes = ingested.hashes()
    sets = label_sets(fields.label_set(), names)
    split_names, roles, split = _splits(ingested, hashes, section, workspace)
    if section.stratify_labels and sets is not None and section.fractions is not None:
        _stratify(ingested, hashes, label, sets, section, split_names, split)
    is_stored = np.array([role != "external" for role in roles])
    keep, unsampled = sampled_rows(ingested, hashes, label, section, workspace)
    digest = _digests(ingested, fields, repeated(hashes.content, keep, workspace), workspace)
    one_answer = fields.token_labels() is not None
    keys = RowKeys(hashes.content, hashes.content_low, hashes.answer, label, split, digest, one_answer)
    overlap = find_overlap(keys, keep, workspace)
    distinct = workspace.column(len(keep), bool)
    distinct[:] = keep
    for one in (overlap.duplicates, overlap.leaks, overlap.conflicts):
        distinct[one.rows] = False
    group_leaks = find_group_leaks(hashes.group, split, distinct, workspace)
    distinct[group_leaks.rows] = False
    near = _near(ingested, fields, section, keys, distinct, workspace)
    matches = {
        "duplicates": overlap.duplicates,
        "leaks": overlap.leaks,
        "conflicts": overlap.conflicts,
        "group_leaks": group_leaks,
        "near_leaks": near.leaks,
        "near_duplicates": near.duplicates,
        "near_disagreeing": near.disagreeing,
    }
    matches = {name: one.only(is_stored[split[one.rows]]) for name, one in matches.items()}
    for chunk in chunks(len(keep)):
        keep[chunk] &= is_stored[split[chunk]]
    for name, policy in section.policies().items():
        if policy.action != "keep":
            keep[matches[name].rows] = False
    return Assignment(
        names, split_names, roles, split, label, hashes, keep, matches, unsampled, workspace, sets
    )


def _stratify(
    ingested: Ingested,
    hashes: Hashes,
    label: npt.NDArray[np.int32],
    sets: LabelSets,
    section: Prepare,
    split_names: Sequence[str],
    split: npt.NDArray[np.int8],
) -> None:
    """Distribute the rows of sources that are split by hash anew, so that each label has its share."""
    by_hash = np.array([section.sources[source].split == BY_HASH for source in ingested.sources])
    rows = np.flatnonzero(by_hash[ingested.row_store.numbers("table")[:]])
    of_fixed = np.array([split_names.index(name) for name in FIXED_SPLITS], np.int8)
    keys = split_keys(hashes.content[rows], hashes.group[rows])
    fractions = section.fractions.in_order() if section.fractions else ()
    split[rows] = of_fixed[stratified(keys, label[rows], sets, fractions, section.seed)]


def _near(
    ingested: Ingested, fields: RowSchema, section: Prepare, keys: RowKeys, among: Mask, workspace: Workspace
) -> NearDuplicateMatches:
    if section.near_duplicates is None:
        return NO_NEAR_DUPLICATES
    return find_near_duplicates(ingested.row_store, fields, keys, among, section.near_duplicates, workspace)


def _digests(
    ingested: Ingested, fields: RowSchema, needed: Indices, workspace: Workspace
) -> npt.NDArray[np.uint64]:
    """A hash of all values of a row, for rows with equal content, to choose one of them; 0 elsewhere."""
    digest = workspace.column(len(ingested.row_store), np.uint64)
    names = {rule.name for rule in fields.columns()} | {"id"}
    columns = [
        name for name in ingested.row_store.schema.names if name in names or name.startswith(EXTRA_PREFIX)
    ]
    sizes = ingested.row_store.numbers("size")[needed]
    for part in parts_by_size(needed, sizes, DIGEST_ROWS, DIGEST_SIZE):
        values = ingested.row_store.gather(part, columns).to_pylist()
        digest[part] = [hash_text(repr(tuple(row.values()))) for row in values]
    return digest


def _labels(
    ingested: Ingested, fields: RowSchema, problems: Problems, workspace: Workspace
) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """The label names in the order of the logits, and each row's index there.

    Declared names keep their order; labels found in the data are sorted, as numbers where all are whole
    numbers: those of CSV files and of folders are texts.
    """
    codes: npt.NDArray[np.int32] = ingested.row_store.numbers("label")
    given = list(ingested.labels)
    if fields.label_set() is not None:
        names = tuple(sorted(map(str, given)))
    elif fields.label is None:
        return (), codes
    elif fields.label.label_names is not None:
        names = tuple(fields.label.label_names)
    else:
        texts = list(map(str, given))
        numbers = all(WHOLE_NUMBER.fullmatch(text) for text in texts)
        names = tuple(sorted(texts, key=number_first if numbers else None))
    if fields.label is not None and fields.label.label_names is None:
        _refuse_look_alikes(names, ingested, fields.label.name, problems)
    index = {name: position for position, name in enumerate(names)}
    # The last entry is for code -1 (no label).
    table = np.array([*(index[str(label)] for label in given), NO_LABEL], np.int32)
    labels = workspace.column(len(codes), np.int32)
    for chunk in chunks(len(codes)):
        labels[chunk] = table[codes[chunk]]
    return names, labels


def _refuse_look_alikes(names: Sequence[str], ingested: Ingested, column: str, problems: Problems) -> None:
    """Labels that a reader takes for the same; declared in `label_names` they are two classes."""
    pairs = look_alikes(names)
    code_of = {str(label): code for label, code in ingested.labels.items()}
    places = _first_places({code_of[name] for pair in pairs for name in pair}, ingested)
    for one, other in pairs:
        here, there = (places[code_of[name]] for name in (other, one))
        problems.add(
            here,
            f"{column}: {spelt_out(other)} and {spelt_out(one)} ({there}) differ only in "
            f"{difference(one, other)}; use one of them (a transform of `kind: map` renames labels), or "
            "declare both in `task.label_names` if they are two classes",
        )


def _first_places(wanted: set[int], ingested: Ingested) -> dict[int, str]:
    """Code of a label → the place of its first row."""
    places: dict[int, str] = {}
    codes: npt.NDArray[np.int32] = ingested.row_store.numbers("label")
    for chunk in chunks(len(codes)):
        found, first = np.unique(codes[chunk], return_index=True)
        for code, row in zip(found.tolist(), first.tolist(), strict=True):
            if code in wanted and code not in places:
                places[code] = ingested.place(chunk.start + row)
    return places


def _splits(
    ingested: Ingested, hashes: Hashes, section: Prepare, workspace: Workspace
) -> tuple[tuple[str, ...], tuple[str, ...], npt.NDArray[np.int8]]:
    """Names and roles of the splits ordered by nearness to the report, and each row's index there."""
    roles = dict(zip(FIXED_SPLITS, FIXED_SPLITS, strict=True))
    additional = {source.split: source.role for source in section.sources if source.role is not None}
    *fitted, last = FIXED_SPLITS
    # A content that a transfer row shares with any other split stays there, where it may have a label.
    transfer = sorted(name for name, role in additional.items() if role == TRANSFER)
    others = sorted(
        additional.keys() - set(transfer), key=lambda name: (additional[name] != "external", name)
    )
    names = (*transfer, *fitted, *others, last)
    table = ingested.row_store.numbers("table")
    declared = [section.sources[source].split for source in ingested.sources]
    target = np.array([names.index(name) if name != BY_HASH else -1 for name in declared], np.int8)
    of_fixed = np.array([names.index(name) for name in FIXED_SPLITS], np.int8)
    split = workspace.column(len(table), np.int8)
    for chunk in chunks(len(table)):
        split[chunk] = target[table[chunk]]
        if section.fractions is not None:
            keys = split_keys(hashes.content[chunk], hashes.group[chunk])
            hashed = of_fixed[assign(keys, section.fractions.in_order(), section.seed)]
            split[chunk] = np.where(split[chunk] == -1, hashed, split[chunk])
    return names, tuple({**roles, **additional}[name] for name in names), split
