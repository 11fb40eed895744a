"""Atomic writes, and encodings that give the same bytes for the same content.

Every artifact is written through here: canonical encodings keep hashes stable between builds, and because of
atomic renames a kill leaves either the old file, the new file or none.
"""

import glob
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.runtime.escaping import printable_json, tsv_cell

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_BYTES = 1 << 20

WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")

DIGITS = 6
"""Decimal digits of the numbers in reports."""


def sha256_bytes(content: bytes) -> str:
    """Hex SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of the file at `path`, read in bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_path(path: Path) -> Path:
    """The temporary path next to `path` for this process; those of killed processes are removed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        pid = left.name.split(".")[-2]
        if not (pid.isdigit() and _is_running(int(pid))):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` that replaces it on success and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _temporary_path(path)
    try:
        yield partial
        os.chmod(partial, 0o644)
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically, creating parent folders."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` as UTF-8 with `\\n` line ends, atomically."""
    write_bytes(path, content.encode("utf-8"))


def encode_json(value: Any) -> str:
    """Canonical JSON text: sorted keys, two spaces, no NaN, what cannot be seen as `\\uXXXX`.

    Keys that are whole numbers come first, sorted as numbers: programs read the values of `id2label` in the
    order of the file.

    Raises:
        ValueError: `value` contains NaN or an infinity, which no artifact may.
    """
    text = json.dumps(_ordered(value), indent=2, ensure_ascii=False, allow_nan=False)
    return (text if text.replace("\n", "").isprintable() else printable_json(text)) + "\n"


def _ordered(value: Any) -> Any:
    """The same nested value with the keys of every mapping in canonical order."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda name: number_first(str(name)))}
    return [_ordered(item) for item in value] if isinstance(value, list | tuple) else value


def number_first(name: str) -> tuple[bool, int, str]:
    """Sort key: whole numbers as numbers, then all other texts as texts."""
    if WHOLE_NUMBER.fullmatch(name):
        return False, int(name), name
    return True, 0, name


def write_json(path: Path, value: Any) -> None:
    """Write `value` as canonical JSON, atomically."""
    write_text(path, encode_json(value))


def read_json(path: Path) -> Any:
    """Parse the JSON file at `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_tsv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a tab-separated table with a header, atomically. Floats have their shortest exact form.

    Texts are written by `escaping.tsv_cell`.
    """
    lines = ["\t".join(map(tsv_cell, row)) for row in (columns, *rows)]
    write_text(path, "\n".join(lines) + "\n")


def write_parquet(path: Path, table: "pa.Table") -> None:
    """Write `table` as zstd Parquet, atomically. Row groups are bounded, so that it can be streamed."""
    import pyarrow.parquet as pq

    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd", row_group_size=65_536, store_schema=True)


def write_parquet_parts(path: Path, schema: "pa.Schema", parts: "Iterable[pa.Table]") -> None:
    """Write a table given in parts, one row group each, as zstd Parquet, atomically and in bounded memory.

    Columns of float32 and float64 use BYTE_STREAM_SPLIT, an encoding of Parquet 2 that compresses better:
    soft targets are a quarter smaller. float16 is stored plainly, because DuckDB refuses that encoding of it.
    """
    import pyarrow.parquet as pq

    split, dictionary = _encodings(schema)
    with (
        replacing(path) as partial,
        pq.ParquetWriter(
            partial,
            schema,
            compression="zstd",
            store_schema=True,
            use_dictionary=dictionary,
            column_encoding=dict.fromkeys(split, "BYTE_STREAM_SPLIT"),
        ) as writer,
    ):
        for part in parts:
            writer.write_table(part)


def _encodings(schema: "pa.Schema") -> tuple[list[str], list[str]]:
    """Paths of the Parquet columns encoded by BYTE_STREAM_SPLIT, and of those encoded by a dictionary."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    found = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    columns = [found.column(place) for place in range(len(found))]
    split = [column.path for column in columns if column.physical_type in ("FLOAT", "DOUBLE")]
    halves = [column.path for column in columns if column.logical_type.type == "FLOAT16"]
    return split, [column.path for column in columns if column.path not in {*split, *halves}]


def round_floats(value: Any, digits: int = DIGITS) -> Any:
    """Round every float in a nested structure, so that differences of metrics are changes and not noise."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: round_floats(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [round_floats(item, digits) for item in value]
    return value


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to `path` for files of this block only.

    It is removed at the end; one that a killed process left is removed by the next with this path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = _temporary_path(path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder next to `path`, which becomes `path` when the block succeeds.

    File modes become 0644 and folder modes 0755, whatever the umask or the library that wrote them. An
    existing `path` is replaced; on failure it stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _temporary_path(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for entry in sorted(partial.rglob("*")):
            entry.chmod(0o755 if entry.is_dir() else 0o644)
            _sync(entry)
        partial.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
