"""Lines of a text file, decoded strictly and in bounded memory."""

from collections.abc import Iterator
from typing import BinaryIO

from teacherspec.errors import DataError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SKIP_BYTES = 1 << 20
_NOT_TEXT = {
    b"\xff\xfe": "UTF-16 text; re-encode it as UTF-8 or declare `encoding: utf-16`",
    b"\xfe\xff": "UTF-16 text; re-encode it as UTF-8 or declare `encoding: utf-16`",
    b"PAR1": "a Parquet file; declare `kind: parquet`",
    b"ARROW1": "an Arrow file",
    b"\x1f\x8b": "gzip data; name it `.gz`",
    b"\x28\xb5\x2f\xfd": "zstandard data; name it `.zst`",
    b"BZh": "bzip2 data; unpack it",
    b"PK\x03\x04": "a zip archive (or spreadsheet); unpack or export it as CSV",
    b"\x89PNG": "an image",
}


class TextLines(Iterator[str]):
    """Iterates over decoded lines, with line ends; counts them and records faults.

    A faulty line is still returned (undecodable bytes replaced), so that the caller's own line
    structure stays intact; the caller calls `take_fault` after each record.

    Attributes:
        number: of the line returned last, from 1.
    """

    def __init__(self, name: str, stream: BinaryIO, max_line_bytes: int) -> None:
        """Start at the beginning of `stream`; `name` is for messages."""
        self.number = 0
        self._name = name
        self._stream = stream
        self._max_line_bytes = max_line_bytes
        self._fault: tuple[str, int, int] | None = None

    def __next__(self) -> str:
        raw = self._stream.readline(self._max_line_bytes + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            raw = self._check_head(raw)
        if len(raw) > self._max_line_bytes:
            self._skip_line(raw)
            self._remember(f"is longer than {self._max_line_bytes} bytes (`max_line_bytes` of the source)", 1)
            return "\n"
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            bad = raw[error.start]
            self._remember(
                f"byte 0x{bad:02x} is not UTF-8; re-encode the file or declare its `encoding`",
                error.start + 1,
            )
            text = raw.decode("utf-8", "replace")
        if "\0" in text:
            self._remember("contains a NUL byte", raw.index(b"\0") + 1)
        return text

    def take_fault(self) -> tuple[str, int, int] | None:
        """The first fault since the last call: what, at which line, at which byte of it (both from 1)."""
        fault, self._fault = self._fault, None
        return fault

    def _remember(self, what: str, byte: int) -> None:
        if self._fault is None:
            self._fault = (what, self.number, byte)

    def _check_head(self, raw: bytes) -> bytes:
        for magic, meaning in _NOT_TEXT.items():
            if raw.startswith(magic):
                raise DataError(f"{self._name}: is {meaning}")
        return raw.removeprefix(_BYTE_ORDER_MARK)

    def _skip_line(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(_SKIP_BYTES)
