"""What changed between two preparations of the data: rows added, removed, edited, relabelled, moved.

Where columns describe labels (weights), also rows of which these alone changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.splits import Prepared, load_prepared

EXAMPLES = 5
_NO_LABEL = -1


class Row(NamedTuple):
    """What can change of a row with the same id."""

    split: str
    label: str | None
    content: bytes
    label_details: tuple[Any, ...] | None


@dataclass(frozen=True)
class Changes:
    """Ids of the rows that changed, sorted, and the rows per class and split.

    Attributes:
        added: only in the new data.
        removed: only in the old data.
        edited: same id, other content.
        relabelled: same id, other label; id → label before and after.
        moved: same id, other split; id → split before and after.
        redescribed: same id, other values in the columns that describe its label; None where neither
            preparation has such columns.
        unchanged: number of rows without change.
        classes: label → rows before and after, over all splits.
        splits: split → rows before and after.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    edited: tuple[str, ...]
    relabelled: Mapping[str, tuple[str | None, str | None]]
    moved: Mapping[str, tuple[str, str]]
    unchanged: int
    classes: Mapping[str, tuple[int, int]]
    splits: Mapping[str, tuple[int, int]]
    redescribed: Mapping[str, tuple[str, str]] | None = None

    def counts(self) -> dict[str, int]:
        """How many rows of each change."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "edited": len(self.edited),
            "relabelled": len(self.relabelled),
            "moved": len(self.moved),
            **({} if self.redescribed is None else {"other label columns": len(self.redescribed)}),
            "unchanged": self.unchanged,
        }


def compare_prepared(before: Path, after: Path) -> Changes:
    """Compare two folders that `prepare` wrote.

    Rows are the same when their ids are. Where ids are derived from the content they change with it, so an
    edited row counts as removed and added.

    Raises:
        DataError: one of the folders contains no prepared data.
    """
    old_index, new_index = load_prepared(before), load_prepared(after)
    old, new = dict(_rows(old_index)), dict(_rows(new_index))
    both = sorted(old.keys() & new.keys())
    changed = [name for name in both if old[name] != new[name]]
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        edited=tuple(name for name in changed if old[name].content != new[name].content),
        relabelled={n: (old[n].label, new[n].label) for n in changed if old[n].label != new[n].label},
        moved={n: (old[n].split, new[n].split) for n in changed if old[n].split != new[n].split},
        unchanged=len(both) - len(changed),
        classes=_tally([row.label for row in old.values()], [row.label for row in new.values()]),
        splits=_tally([row.split for row in old.values()], [row.split for row in new.values()]),
        redescribed={
            n: (_described(old[n]), _described(new[n]))
            for n in changed
            if old[n].label_details != new[n].label_details
        }
        if old_index.label_details or new_index.label_details
        else None,
    )


def _rows(prepared: Prepared) -> Iterator[tuple[str, Row]]:
    import pyarrow.parquet as pq

    for split in prepared.splits.values():
        with pq.ParquetFile(split.path) as file:
            for group in range(file.num_row_groups):  # `prepare` bounds their size
                for values in file.read_row_group(group).to_pylist():
                    yield values["id"], _row(split.name, values, prepared)


def _row(split: str, values: dict[str, Any], prepared: Prepared) -> Row:
    code = values.pop("label", _NO_LABEL)
    label = prepared.label_names[code] if code != _NO_LABEL and prepared.label_names else None
    details = tuple((name, values.pop(name)) for name in prepared.label_details) or None
    content = blake2b(repr(sorted(values.items())).encode(), digest_size=8).digest()
    return Row(split, label, content, details)


def _described(row: Row) -> str:
    """The columns that describe the label, such as `weight 2`."""
    return ", ".join(f"{name} {value}" for name, value in row.label_details or ()) or "no label columns"


def _tally(
    before: list[str | None] | list[str], after: list[str | None] | list[str]
) -> dict[str, tuple[int, int]]:
    counts: dict[str, list[int]] = {}
    for at, names in enumerate((before, after)):
        for name in names:
            if name is not None:
                counts.setdefault(name, [0, 0])[at] += 1
    return {name: (was, now) for name, (was, now) in sorted(counts.items())}


def changes_as_markdown(changes: Changes) -> str:
    """The changes as Markdown: counts, splits and classes that differ, examples."""
    lines = [
        "| rows | |",
        "| --- | ---: |",
        *(f"| {name} | {count} |" for name, count in changes.counts().items()),
    ]
    for title, table in (("split", changes.splits), ("class", changes.classes)):
        moved = {name: pair for name, pair in table.items() if pair[0] != pair[1]}
        if moved:
            lines += ["", f"| {title} | before | after |", "| --- | ---: | ---: |"]
            lines += [f"| {code(name)} | {was} | {now} |" for name, (was, now) in moved.items()]
    examples = {
        "relabelled": [_from_to(n, *pair) for n, pair in changes.relabelled.items()],
        "moved": [_from_to(n, *pair) for n, pair in changes.moved.items()],
        "other label columns": [_from_to(n, *pair) for n, pair in (changes.redescribed or {}).items()],
        "edited": list(map(code, changes.edited)),
        "removed": list(map(code, changes.removed)),
        "added": list(map(code, changes.added)),
    }
    for title, rows in examples.items():
        if rows:
            more = f", and {len(rows) - EXAMPLES} more" if len(rows) > EXAMPLES else ""
            lines += ["", f"{title}: {', '.join(rows[:EXAMPLES])}{more}"]
    return "\n".join(lines) + "\n"


def _from_to(name: str, before: str | None, after: str | None) -> str:
    old, new = ("no label" if value is None else code(value) for value in (before, after))
    return f"{code(name)}: {old} → {new}"
