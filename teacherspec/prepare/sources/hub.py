"""A data set of the Hugging Face hub at one commit, streamed."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, OpenTable, Row, Table
from teacherspec.spec.prepare.sources import HubDatasetSource

if TYPE_CHECKING:
    from datasets import IterableDataset


def tables(source: HubDatasetSource, _root: Path) -> list[Table]:
    """One table: the hub's split."""
    name = f"{source.dataset}@{source.revision[:12]}/{source.hub_split}"
    return [Table(name, counts_lines=False, open=partial(_open, source, name))]


@contextmanager
def _open(source: HubDatasetSource, name: str, _wanted: Collection[str]) -> Iterator[OpenTable]:
    yield open_hub(name, source.dataset, source.config, source.hub_split, source.revision)


def open_hub(name: str, dataset: str, config: str | None, split: str, revision: str) -> OpenTable:
    """Start streaming `split` of `dataset` at the commit `revision`. Class numbers become names.

    Raises:
        DataError: the hub cannot be reached or does not have it.
    """
    from datasets import load_dataset

    try:
        rows = load_dataset(dataset, config, split=split, revision=revision, streaming=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{name}: cannot be opened: {str(error).strip().splitlines()[0]}") from error
    return stream_rows(name, rows)


def stream_rows(name: str, rows: "IterableDataset") -> OpenTable:
    """The rows of a streamed data set with class numbers as names.

    Raises:
        DataError: while iterating, when the stream breaks.
    """
    from datasets import ClassLabel, Image

    if rows.features is None:
        rows = rows._resolve_features()
    for column, feature in (rows.features or {}).items():
        if isinstance(feature, Image):  # decoded by our own rules, not by whatever Pillow makes of it
            rows = rows.cast_column(column, Image(decode=False))
    names = {
        column: feature.names
        for column, feature in (rows.features or {}).items()
        if isinstance(feature, ClassLabel) and feature.names
    }
    return OpenTable(tuple(rows.features or ()), _rows(name, rows, names))


def _rows(name: str, rows: "IterableDataset", names: dict[str, list[str]]) -> Iterator[AnyRow]:
    number = 0
    try:
        for number, values in enumerate(rows, start=1):
            yield Row(number, {column: _named(value, names.get(column)) for column, value in values.items()})
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{name}: broken after row {number}: {str(error).strip().splitlines()[0]}") from error


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(value, int) or not 0 <= value < len(names):
        return value
    return names[value]
