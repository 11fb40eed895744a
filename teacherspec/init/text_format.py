"""The character encoding and the delimiter of a text file, by trying what fits."""

import codecs
import csv
import gzip
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import BinaryIO

import charset_normalizer

from teacherspec.errors import UserError

BYTES_AT_ONCE = 1 << 20
SNIFFED_BYTES = 1 << 18
"""Beginning of a file by which another encoding than UTF-8, and the delimiter, are found."""

SNIFFED_RECORDS = 200
DELIMITERS = (",", ";", "\t", "|")

WESTERN = "cp1252"
"""Latin-1 with the quotes and the euro sign of Windows, in which almost all files that claim Latin-1 are
written (as browsers read it, WHATWG Encoding §4.2)."""

WESTERN_ACCENTS = 0.3
"""Share of accented letters among the letters of a text from which it is none of Western Europe: other
alphabets read as Western are accented letters only."""

WESTERN_LETTERS = 0.8
"""Share of letters that a Western text has among its characters beyond ASCII; the rest are signs."""

BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def encoding_of(path: Path) -> tuple[str, str]:
    """The encoding of a text file and why.

    UTF-8 is proven over the whole file; anything else is a guess from its beginning.

    Raises:
        UserError: the file holds no text.
    """
    with _opened(path) as stream:
        beginning = stream.read(SNIFFED_BYTES)
        for mark, name in BYTE_ORDER_MARKS.items():
            if beginning.startswith(mark):
                return name, "begins with its byte order mark"
        if _is_utf8(beginning, stream):
            return "utf-8", "every byte of the file is valid UTF-8"
    if _is_western(beginning):
        return WESTERN, "is not UTF-8 and reads as a Western European text: look at accents in the rows"
    best = charset_normalizer.from_bytes(beginning).best()
    if best is None:
        raise UserError(f"{path}: is no text in an encoding that can be recognised; convert it to UTF-8")
    return best.encoding, "is not UTF-8; by the frequency of its characters: look at accents in the rows"


def _is_western(content: bytes) -> bool:
    try:
        text = content.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    beyond = [character for character in text if character > "\x7f"]
    letters = sum(character.isalpha() for character in beyond)
    every = sum(character.isalpha() for character in text)
    return letters >= WESTERN_LETTERS * len(beyond) and letters <= WESTERN_ACCENTS * every


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _is_utf8(beginning: bytes, rest: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(beginning)
        while part := rest.read(BYTES_AT_ONCE):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def delimiter_of(path: Path, encoding: str) -> tuple[str, str]:
    """The character between the fields of a table, and why.

    Raises:
        UserError: none of the usual ones gives every record the same number of fields.
    """
    with _opened(path) as stream:
        text = stream.read(SNIFFED_BYTES).decode(encoding, errors="replace").removeprefix("\ufeff")
    found = {delimiter: _fields(text, delimiter) for delimiter in DELIMITERS}
    widths = {delimiter: counts[0] for delimiter, counts in found.items() if counts and len(set(counts)) == 1}
    best = max(widths, key=lambda delimiter: widths[delimiter], default=",")
    if widths.get(best, 0) < 2:
        raise UserError(
            f"{path}: is no table: neither `,` nor `;`, tab or `|` divides its first lines into the same "
            "number of fields, two at least; convert it to CSV or JSON lines"
        )
    return best, f"divides each of the first {len(found[best])} records into {widths[best]} fields"


def _fields(text: str, delimiter: str) -> list[int]:
    """Fields of each of the first records without the last, which may be cut; empty where unreadable."""
    counts = []
    try:
        for record in _records(text, delimiter):
            counts.append(len(record))
            if len(counts) > SNIFFED_RECORDS:
                break
    except csv.Error:
        return []
    is_whole = len(text) < SNIFFED_BYTES // 4 and text.endswith("\n")
    return counts if is_whole else counts[:-1]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return (record for record in csv.reader(StringIO(text, newline=""), delimiter=delimiter) if record)
