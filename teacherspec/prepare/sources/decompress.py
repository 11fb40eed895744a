"""A file as a stream of UTF-8 bytes: decompressed and transcoded in bounded memory.

gzip and zstandard are decoded by the standard library and Arrow; ours are the limit on the decompressed size,
the refusal of truncated data and of files that change while they are read.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from teacherspec.errors import DataError

SUFFIXES = (".gz", ".zst")
"""File name endings of compressed data."""

FREE_BYTES = 64 << 20
MAX_RATIO = 1000
_CHUNK_BYTES = 1 << 18


@contextmanager
def open_bytes(name: str, path: Path, encoding: str, max_ratio: int = MAX_RATIO) -> Iterator[BinaryIO]:
    """The text of `path` as UTF-8 bytes, decompressed where its name ends in `.gz` or `.zst`.

    Args:
        name: for messages.
        path: the file.
        encoding: of its text; UTF-8 passes bytes as they are.
        max_ratio: how many times its size the file may unpack to.

    Raises:
        DataError: while reading: compressed data that is damaged, truncated or unpacks to too much, bytes
            that are invalid in the encoding, a file that changes meanwhile.
    """
    before = path.stat()
    with path.open("rb", buffering=_CHUNK_BYTES) as file:
        stream: BinaryIO = file
        if path.suffix in SUFFIXES:
            stream = _buffered(
                _SizeLimited(name, _decompressed(file, path.suffix), before.st_size, max_ratio)
            )
        if codecs.lookup(encoding).name != "utf-8":
            stream = _buffered(_Transcoded(name, stream, encoding))
        yield stream
    after = path.stat()
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    ):
        raise DataError(f"{name}: changed while it was read; run again")


def _buffered(stream: io.RawIOBase) -> BinaryIO:
    return io.BufferedReader(stream, _CHUNK_BYTES)


def _decompressed(file: BinaryIO, suffix: str) -> BinaryIO:
    if suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    import pyarrow as pa

    return _buffered(pa.CompressedInputStream(pa.PythonFile(file), "zstd"))


class _SizeLimited(io.RawIOBase):
    """Decompressed bytes, up to a multiple of the compressed size."""

    def __init__(self, name: str, stream: BinaryIO, compressed_bytes: int, max_ratio: int) -> None:
        self._name = name
        self._stream = stream
        self._max_ratio = max_ratio
        self._left = max(FREE_BYTES, max_ratio * compressed_bytes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        try:
            content = self._stream.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{self._name}: the compressed data is damaged or truncated: {error}") from error
        self._left -= len(content)
        if self._left < 0:
            raise DataError(f"{self._name}: unpacks to over {self._max_ratio} times its size; check it")
        buffer[: len(content)] = content
        return len(content)


class _Transcoded(io.RawIOBase):
    """Text of another encoding as UTF-8."""

    def __init__(self, name: str, stream: BinaryIO, encoding: str) -> None:
        self._name = name
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._read_bytes = 0
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._pending:
            content = self._stream.read(_CHUNK_BYTES)
            try:
                self._pending = self._decoder.decode(content, final=not content).encode(
                    "utf-8", "surrogatepass"
                )
            except UnicodeError as error:
                raise DataError(
                    f"{self._name}: is not {self._encoding} after byte {self._read_bytes}: {error}"
                ) from error
            self._read_bytes += len(content)
            if not content:
                break
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count
