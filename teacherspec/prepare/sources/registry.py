"""The table of readers: for each kind of source of the declaration, the function that reads it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.prepare.row_types import Table
from teacherspec.prepare.sources import (
    arrow,
    class_folders,
    csv,
    digits,
    hub,
    image_archive,
    json_document,
    jsonl,
    parquet,
)
from teacherspec.spec.prepare.source_base import SourceBase
from teacherspec.spec.prepare.sources import (
    ArrowSource,
    CsvSource,
    DigitsSource,
    HubDatasetSource,
    ImageArchiveSource,
    ImageFolderSource,
    JsonDocumentSource,
    JsonlSource,
    ParquetSource,
    TextFolderSource,
)

READERS: Mapping[type[SourceBase], Callable[[Any, Path], list[Table]]] = {
    JsonlSource: jsonl.tables,
    CsvSource: csv.tables,
    ParquetSource: parquet.tables,
    ArrowSource: arrow.tables,
    JsonDocumentSource: json_document.tables,
    TextFolderSource: class_folders.text_tables,
    ImageFolderSource: class_folders.image_tables,
    ImageArchiveSource: image_archive.tables,
    DigitsSource: digits.tables,
    HubDatasetSource: hub.tables,
}
"""Each reader takes the section and the repository's folder and returns the tables, not yet opened."""


def tables_of(source: SourceBase, root: Path) -> list[Table]:
    """The tables of a declared source in the repository `root`. Raises `DataError`."""
    return READERS[type(source)](source, root)
