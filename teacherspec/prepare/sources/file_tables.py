"""From a source that declares files to one table a file."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from teacherspec.prepare.row_types import OpenTable, Table
from teacherspec.prepare.sources.file_columns import with_file_columns
from teacherspec.prepare.sources.file_lookup import open_location
from teacherspec.prepare.sources.path_checks import resolve
from teacherspec.prepare.sources.remote_files import download
from teacherspec.spec.prepare.source_base import FileSource

Source = TypeVar("Source", bound=FileSource)
OpenFile = Callable[[Source, str, Path, Collection[str]], AbstractContextManager[OpenTable]]
"""Opens one file of a source, given its name for messages, its path and the columns that will be used.
Raises `DataError`."""


def file_tables(
    source: Source, root: Path, open_file: OpenFile[Source], counts_lines: bool = False
) -> list[Table]:
    """One table for each file of a source.

    Args:
        source: the declared files.
        root: the repository.
        open_file: the reader of the format.
        counts_lines: whether row numbers are line numbers of a text file.

    Raises:
        DataError: a file is missing or cannot be data, or a remote file cannot be downloaded.
    """
    if source.path is not None:
        files = [(str(path.relative_to(root)), path) for path in resolve(root, source.path)]
    else:
        files = [(str(source.url), download(root, str(source.url), str(source.sha256)))]
    return [
        Table(name, counts_lines, partial(_open, source, root, open_file, name, path)) for name, path in files
    ]


@contextmanager
def _open(
    source: Source, root: Path, open_file: OpenFile[Source], name: str, path: Path, wanted: Collection[str]
) -> Iterator[OpenTable]:
    name_columns = frozenset[str]().union(*(files.name_columns() for files in source.files.values()))
    with ExitStack() as stack:
        locations = {
            new: stack.enter_context(open_location(files, root)) for new, files in source.files.items()
        }
        table = stack.enter_context(open_file(source, name, path, {*wanted, *name_columns}))
        yield with_file_columns(table, source.files, locations, name_columns - set(wanted))
