"""The table of invalid data files: how each is made and the message it must be refused with."""

import codecs
import gzip
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa

from teacherspec.runtime.atomic_io import sha256_bytes
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from tests.unit.prepare.cloud_store import CLOUD
from tests.unit.prepare.toy_data import Workshop, jsonl, messages, text_fields

Sources = Sequence[dict[str, Any]]
Build = Callable[[Workshop], "Sources | tuple[Sources, dict[str, Any]]"]


@dataclass(frozen=True)
class Case:
    """One invalid input.

    Attributes:
        title: the fault in a few words.
        message: a part of the first problem, with the fault and its place.
        build: writes the files and returns the sources, and further options of `prepare`.
        fields: of the task.
    """

    title: str
    message: str
    build: Build
    fields: RowSchema = field(default_factory=text_fields)

    def run(self, folder: Path) -> tuple[int, tuple[str, ...]]:
        """Exit code and error messages of the stage."""
        workshop = Workshop(folder, self.fields)
        built = self.build(workshop)
        sources, given = built if isinstance(built, tuple) else (built, {})
        return workshop.run_refused(sources, **given)


CASES: list[Case] = []


def case(title: str, message: str) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        CASES.append(Case(title, message, build))
        return build

    return register


def lines(title: str, message: str, *broken: str | bytes | dict[str, Any]) -> None:
    """A case of JSON lines: sixty good ones, then the broken ones."""

    def build(workshop: Workshop) -> Sources:
        content = jsonl(messages(60)).encode()
        for line in broken:
            text = json.dumps(line) if isinstance(line, dict) else line
            content += (text if isinstance(text, bytes) else text.encode()) + b"\n"
        workshop.write("data/rows.jsonl", content)
        return JSONL

    CASES.append(Case(title, message, build))


def whole(title: str, message: str, content: bytes, name: str = "rows.jsonl", **source: Any) -> None:
    """A case of one whole file."""

    def build(workshop: Workshop) -> Sources:
        workshop.write(f"data/{name}", content)
        return [{"kind": "jsonl", "path": f"data/{name}", **source}]

    CASES.append(Case(title, message, build))


def table(title: str, message: str, content: str | bytes, **source: Any) -> None:
    """A case of one CSV file."""
    encoded = content.encode() if isinstance(content, str) else content
    whole(title, message, encoded, "rows.csv", kind="csv", **source)


JSONL: Sources = [{"kind": "jsonl", "path": "data/rows.jsonl"}]
GOOD = jsonl(messages(60)).encode()
CSV_ROWS = "".join(f"{row['text']},{row['label']}\n" for row in messages(60))
LABELS = pa.array([row["label"] for row in messages(60)])
TEXTS = pa.array([row["text"] for row in messages(60)])

# --- JSON lines -----------------------------------------------------------------------------------
whole(
    "files joined with byte order marks",
    "rows.jsonl:61:1: broken JSON: begins with a byte order mark, as where files were joined",
    codecs.BOM_UTF8 + GOOD + codecs.BOM_UTF8 + GOOD,
)
whole(
    "files joined without a line end",
    "rows.jsonl:60:54: broken JSON: a second object begins here, as where files were joined",
    GOOD.removesuffix(b"\n") + GOOD,
)
whole("last line cut", "rows.jsonl:60:", GOOD[:-12])
lines("a line that is no JSON", "rows.jsonl:61:1: broken JSON", "text: hello, label: ant")
lines("two broken lines", "rows.jsonl:61:", "{", "}")
lines("a field missing", "rows.jsonl:61: text: missing", {"label": "ant"})
lines("a label missing", "rows.jsonl:61: label: missing", {"text": "x y"})
lines(
    "an undeclared field",
    "rows.jsonl:61: 'mood': the task does not use",
    {"text": "x", "label": "ant", "mood": 1},
)
lines("a number among text labels", "rows.jsonl:1: label: a text here, a number", {"text": "x", "label": 1})
lines(
    "a fraction as label", "label: must be a text or a whole number (given 1.5)", {"text": "x", "label": 1.5}
)
lines("null as label", "label: must be a text or a whole number (given None)", {"text": "x", "label": None})
lines("NaN as label", "rows.jsonl:61: broken JSON: NaN is not JSON", '{"text": "x", "label": NaN}')
lines("Infinity as label", "broken JSON: Infinity is not JSON", '{"text": "x", "label": Infinity}')
lines("true as label", "label: must be a text or a whole number (given True)", {"text": "x", "label": True})
lines(
    "a label of 5,000 digits",
    "broken JSON: a number of thousands of digits",
    '{"text": "x", "label": ' + "9" * 5000 + "}",
)
lines("an empty label", "label: is blank", {"text": "x", "label": ""})
lines("a label with a space behind it", "label: has spaces around it", {"text": "x", "label": "ant "})
lines(
    "labels that differ in case",
    "rows.jsonl:1: label: 'ant' and 'Ant' (data/rows.jsonl:61) differ only in case; use one of them",
    {"text": "x", "label": "Ant"},
)
lines(
    "the same key twice",
    "rows.jsonl:61: broken JSON: the key 'text' is given twice",
    '{"text": "x", "text": "y", "label": "ant"}',
)
lines("a number as line", "rows.jsonl:61: must be a JSON object (given 5)", "5")
lines("a list as line", "rows.jsonl:61: must be a JSON object (given ['x', 'ant'])", '["x", "ant"]')
lines("5,000 levels deep", "rows.jsonl:61: broken JSON: nested too deeply", "[" * 5000 + "]" * 5000)
lines(
    "bytes that are not UTF-8",
    "rows.jsonl:61:11: byte 0xe9 is not UTF-8",
    b'{"text": "\xe9t\xe9", "label": "ant"}',
)
lines("a NUL byte", "rows.jsonl:61:12: contains a NUL byte", b'{"text": "x\x00y", "label": "ant"}')
lines(
    "half of a surrogate pair",
    "text: holds half of a surrogate pair (U+D83D)",
    '{"text": "x \\ud83d", "label": "ant"}',
)
lines(
    "a control character",
    "text: holds a control character (U+001B)",
    '{"text": "x \\u001b[0m", "label": "ant"}',
)
lines("an empty text", "rows.jsonl:61: text: is blank", {"text": "", "label": "ant"})
lines(
    "a text of invisible characters",
    "text: is blank (given '\\u200b\\xa0')",
    {"text": "\u200b\u00a0", "label": "ant"},
)
lines("a number as text", "rows.jsonl:61: text: must be a text (given 7)", {"text": 7, "label": "ant"})
lines("a list as text", "rows.jsonl:61: text: must be a text (given ['x'])", {"text": ["x"], "label": "ant"})
lines(
    "a text of a million characters",
    "text: has 1000001 characters",
    {"text": "x" * 1_000_001, "label": "ant"},
)
lines(
    "the same text under two labels",
    "rows.jsonl:61: labelled 'bee', but data/rows.jsonl:62 has 'cat'",
    {"text": "torn", "label": "bee"},
    {"text": "Torn", "label": "cat"},
)
lines(
    "the same id twice",
    "rows.jsonl:62: id: 'k' was already given at data/rows.jsonl:61",
    {"text": "x", "label": "ant", "id": "k"},
    {"text": "y", "label": "bee", "id": "k"},
)
lines(
    "null as id", "rows.jsonl:61: id: must be a text (given None)", {"text": "x", "label": "ant", "id": None}
)
lines("an empty id", "rows.jsonl:61: id: is blank", {"text": "x", "label": "ant", "id": ""})
whole("an empty file", "data/rows.jsonl: is empty: no rows", b"")
whole("only blank lines", "data/rows.jsonl: no rows", b"\n\r\n  \n")
whole("one JSON array", "data/rows.jsonl: is one JSON array", json.dumps(messages(3)).encode())
whole(
    "a JSON array over several lines",
    "data/rows.jsonl: is one JSON array",
    json.dumps(messages(3), indent=1).encode(),
)
whole(
    "a JSON document over several lines",
    "is one JSON document over several lines",
    json.dumps({"rows": messages(3)}, indent=1).encode(),
)
whole("UTF-16", "data/rows.jsonl: is UTF-16 text", GOOD.decode().encode("utf-16"))
whole("lines that end in CR only", "data/rows.jsonl:1:", GOOD.replace(b"\n", b"\r"))
whole("gzip without the ending", "data/rows.jsonl: is gzip data; name it `.gz`", gzip.compress(GOOD))
whole("a zip archive", "data/rows.jsonl: is a zip archive", b"PK\x03\x04" + bytes(60))
whole(
    "Parquet read as JSON lines",
    "is a Parquet file; declare `kind: parquet`",
    b"PAR1" + bytes(60) + b"PAR1",
)
whole("an image", "data/rows.jsonl: is an image", b"\x89PNG\r\n\x1a\n" + bytes(60))
whole(
    "a Git LFS pointer",
    "run `git lfs pull`",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
)
whole(
    "a DVC pointer",
    "name `rows.jsonl` and run `dvc pull`",
    b"outs:\n- md5: 00\n  path: rows.jsonl\n",
    "rows.jsonl.dvc",
)
whole(
    "gzip that was cut",
    "data/rows.jsonl.gz: the compressed data is damaged or truncated",
    gzip.compress(GOOD)[:-30],
    "rows.jsonl.gz",
)
whole(
    "gzip with a flipped bit",
    "data/rows.jsonl.gz: the compressed data is damaged or truncated",
    gzip.compress(GOOD)[:-6] + bytes(6),
    "rows.jsonl.gz",
)
whole(
    "plain text called .gz",
    "data/rows.jsonl.gz: the compressed data is damaged or truncated",
    GOOD,
    "rows.jsonl.gz",
)
whole(
    "zstandard that was cut",
    "data/rows.jsonl.zst: the compressed data is damaged or truncated",
    pa.compress(GOOD, "zstd", asbytes=True)[:-30],
    "rows.jsonl.zst",
)
whole(
    "a bomb: packed a thousandfold",
    "unpacks to over 1000 times its size",
    pa.compress(bytes(70 << 20), "zstd", asbytes=True),
    "rows.jsonl.zst",
)
whole(
    "a declared encoding that does not fit",
    "is not ascii after byte 0",
    '{"text": "é"}'.encode(),
    encoding="ascii",
)
whole(
    "a column of the task that does not exist",
    "the task has no column 'txt'; did you mean 'text'?",
    GOOD,
    columns={"txt": "body"},
)
whole(
    "an id column that is not there",
    "rows.jsonl:1: id: missing (no 'key' in this row)",
    GOOD,
    columns={"id": "key"},
)
whole(
    "a column renamed that keeps its name",
    "text: missing (no 'body' in this row)",
    GOOD,
    columns={"text": "body"},
)


@case("a line of 200 MB", "rows.jsonl:1:1: is longer than 16777216 bytes")
def _(workshop: Workshop) -> Sources:
    with workshop.write("data/rows.jsonl", b"").open("r+b") as file:
        file.truncate(200 << 20)
    return JSONL


@case(
    "a label outside the declared ones",
    "rows.jsonl:61: label: is not a declared label (given 'bea'; did you mean 'bee'?",
)
def _(workshop: Workshop) -> Sources:
    workshop.fields = text_fields(("ant", "bee", "cat"))
    workshop.write("data/rows.jsonl", jsonl([*messages(60), {"text": "x", "label": "bea"}]))
    return JSONL


@case("a declared label without rows", "label: 'dog' has 0 rows in train")
def _(workshop: Workshop) -> Sources:
    workshop.fields = text_fields(("ant", "bee", "cat", "dog"))
    workshop.write("data/rows.jsonl", GOOD)
    return JSONL


@case("one class only", "label: only one class, 'ant'")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", jsonl({"text": f"text {at}", "label": "ant"} for at in range(60)))
    return JSONL


@case(
    "fewer rows than classes and splits",
    "30 rows cannot fill 10 classes in 4 splits (at least 40 rows)",
)
def _(workshop: Workshop) -> Sources:
    rows = [{"text": f"text {at}", "label": f"class {at % 10}"} for at in range(30)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    equal = dict.fromkeys(("train", "validation", "calibration", "test"), 0.25)
    return JSONL, {"fractions": equal}


@case("a split without rows", "no rows reach the split `calibration`")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", GOOD)
    shares = {"train": 0.5, "validation": 0.25, "calibration": 0.0001, "test": 0.2499}
    return JSONL, {"fractions": shares}


@case("too few rows of a class", "has 0 rows in train (2 in total, the first at data/rows.jsonl:")
def _(workshop: Workshop) -> Sources:
    rare = [{"text": f"rare text {at}", "label": "rare"} for at in range(2)]
    workshop.write("data/rows.jsonl", jsonl([*messages(120), *rare]))
    return JSONL, {"min_rows_per_class": {"train": 10, "test": 0}}


@case(
    "the same row twice, where refused",
    "rows.jsonl:61: the same row as data/rows.jsonl:1: 'message number 0 about a'",
)
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", jsonl([*messages(60), messages(1)[0]]))
    return JSONL, {"duplicates": "refuse"}


@case("a test text in another split, where refused", "rows.jsonl:1: in ")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", GOOD)
    workshop.write("data/test.jsonl", jsonl(messages(1)))
    return [*JSONL, {"kind": "jsonl", "path": "data/test.jsonl", "split": "test"}], {"leaks": "refuse"}


@case("a kept column of mixed kinds", "rows.jsonl:1: stars: a text here, a number at data/rows.jsonl:2")
def _(workshop: Workshop) -> Sources:
    rows = [{**row, "stars": "five" if at % 2 == 0 else 5} for at, row in enumerate(messages(60))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    return JSONL, {"keep_columns": ["stars"]}


@case("a kept column that is not there", "rows.jsonl:1: stars: missing")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", GOOD)
    return JSONL, {"keep_columns": ["stars"]}


@case(
    "labels as numbers in one file, as texts in another",
    "more.jsonl:1: label: a text here, a number at data/rows.jsonl:1",
)
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", jsonl({**row, "label": at % 3} for at, row in enumerate(messages(60))))
    workshop.write("data/more.jsonl", jsonl({"text": f"more {at}", "label": str(at % 3)} for at in range(9)))
    return [*JSONL, {"kind": "jsonl", "path": "data/more.jsonl"}]


# --- Files ----------------------------------------------------------------------------------------
@case("a file that is not there", "data/row.jsonl: not found; did you mean rows.jsonl?")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl", GOOD)
    return [{"kind": "jsonl", "path": "data/row.jsonl"}]


@case("a file that only DVC has", "data/rows.jsonl: not found, but DVC tracks it; run `dvc pull`")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl.dvc", "outs:\n- md5: 00\n  path: rows.jsonl\n")
    return JSONL


@case("a folder that is not there", "data/rows.jsonl: not found: there is no folder `data`")
def _(workshop: Workshop) -> Sources:
    return JSONL


@case("a wildcard that matches nothing", "data/*.jsonl: no file matches")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.csv", "text,label\n")
    return [{"kind": "jsonl", "path": "data/*.jsonl"}]


@case("an empty file among others", "data/part-1.jsonl: is empty: no rows")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/part-0.jsonl", GOOD)
    workshop.write("data/part-1.jsonl", "")
    return [{"kind": "jsonl", "path": "data/part-*.jsonl"}]


@case("a folder in place of a file", "data/rows.jsonl: is a folder; name its files")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/rows.jsonl/part.jsonl", GOOD)
    return JSONL


@case("a link out of the repository", "data/rows.jsonl: is outside the repository, itself or by a link")
def _(workshop: Workshop) -> Sources:
    (workshop.root / "data").mkdir(parents=True)
    with tempfile.NamedTemporaryFile(delete=False, dir=workshop.root.parent) as outside:
        outside.write(GOOD)
    (workshop.root / "data" / "rows.jsonl").symlink_to(outside.name)
    return JSONL


@case("a link to nothing", "data/rows.jsonl: is a link to nothing")
def _(workshop: Workshop) -> Sources:
    (workshop.root / "data").mkdir(parents=True)
    (workshop.root / "data" / "rows.jsonl").symlink_to("gone.jsonl")
    return JSONL


@case("a pipe in place of a file", "data/rows.jsonl: is not a regular file")
def _(workshop: Workshop) -> Sources:
    (workshop.root / "data").mkdir(parents=True)
    os.mkfifo(workshop.root / "data" / "rows.jsonl")
    return JSONL


# --- CSV ------------------------------------------------------------------------------------------
table(
    "a row too long",
    "rows.csv:62: 2 columns are named, this row has 3",
    f"text,label\n{CSV_ROWS}Hello, world,ant\n",
)
table(
    "a row too short",
    "rows.csv:62: 2 columns are named, this row has 1",
    f"text,label\n{CSV_ROWS}hello\n",
)
table(
    "a quote that never closes",
    "rows.csv:32: a quote opened here is never closed",
    "text,label\n" + CSV_ROWS.replace("message number 30", '"message number 30'),
)
table(
    "text behind a closing quote",
    "rows.csv:62: broken quoting",
    f'text,label\n{CSV_ROWS}"say "hi" now",ant\n',
)
table("no header", "column 'text' not found (columns: message number 0 about a, ant)", CSV_ROWS)
table(
    "semicolons",
    "only one column, 'text;label'; the separator seems to be `;`",
    "text;label\n" + CSV_ROWS.replace(",", ";"),
)
table("tabs", "the separator seems to be a tab", "text\tlabel\n" + CSV_ROWS.replace(",", "\t"))
table(
    "a header that names a column twice",
    "rows.csv:1: the header names 'text' twice",
    f"text,text\n{CSV_ROWS}",
)
table("a header without rows", "data/rows.csv: no rows", "text,label\n")
table(
    "100,000 columns",
    "rows.csv:1: 100000 columns (allowed: 10000)",
    ",".join(f"c{at}" for at in range(100_000)) + "\n",
)
table(
    "a column not declared",
    "rows.csv:1: 'mood': the task does not use it",
    "text,label,mood\n" + CSV_ROWS.replace("\n", ",good\n"),
)
table(
    "a column under another name",
    "column 'label' not found (columns: text, intent)",
    f"text,intent\n{CSV_ROWS}",
)
table(
    "bytes that are not UTF-8 in a quoted field",
    "rows.csv:63:4: byte 0xe9 is not UTF-8",
    f'text,label\n{CSV_ROWS}"over\ntwo\xe9 lines",ant\n'.encode("latin-1"),
)
table(
    "files joined with their headers",
    "rows.csv:62: holds the names of the columns, as where files were joined",
    f"text,label\n{CSV_ROWS}text,label\nhello,ant\n",
)
table(
    "files joined with byte order marks and headers",
    "rows.csv:62: holds the names of the columns, as where files were joined",
    f"\ufefftext,label\n{CSV_ROWS}\ufefftext,label\nhello,ant\n",
)
table(
    "a header where names are declared",
    "rows.csv:1: holds the names of the columns",
    f"text,label\n{CSV_ROWS}",
    names=["text", "label"],
)
table(
    "files without headers joined with byte order marks",
    "rows.csv:61: begins with a byte order mark, as where files were joined",
    f"\ufeff{CSV_ROWS}\ufeffhello,ant\n",
    names=["text", "label"],
)
table(
    "quotes that quote nothing in TSV",
    "rows.csv:12: a quoted value holds tabs and line breaks, so it may be several rows; declare `quoted",
    "text\tlabel\n"
    + CSV_ROWS.replace(",", "\t")
    .replace("message number 10", '"message number 10')
    .replace("number 13 about b", 'number 13 about b"'),
    delimiter="\t",
)
table(
    "lines that end with CR alone",
    "data/rows.csv: its lines end with CR alone",
    f"text,label\n{CSV_ROWS}".replace("\n", "\r"),
)
table("a NUL byte in CSV", "rows.csv:62:2: contains a NUL byte", f"text,label\n{CSV_ROWS}x\x00y,ant\n")
table(
    "a field longer than a line may be",
    "rows.csv:62:1: is longer than 1024 bytes",
    f"text,label\n{CSV_ROWS}{'x' * 2000},ant\n",
    max_line_bytes=1024,
)


@case("a label that only reads as the same number", "rows.csv:62: label: is not a declared label (given '01'")
def _(workshop: Workshop) -> Sources:
    workshop.fields = text_fields(["1", "2"])
    rows = "".join(f"message number {at},{1 + at % 2}\n" for at in range(60))
    workshop.write("data/rows.csv", f"text,label\n{rows}one more,01\n")
    return [{"kind": "csv", "path": "data/rows.csv"}]


table("an empty label in CSV", "rows.csv:62: label: is blank", f"text,label\n{CSV_ROWS}hello,\n")

# --- JSON documents, folders ----------------------------------------------------------------------
DOCUMENT = json.dumps({"data": {"train": [["x", "ant"], ["y", "bee"]]}}).encode()
whole(
    "a broken JSON document",
    "data/rows.json:1:47: broken JSON",
    DOCUMENT[:-3],
    "rows.json",
    kind="json_document",
    rows="data.train",
)
whole(
    "a key that a JSON document does not have",
    "data/rows.json: no key 'trian' of `rows: data.trian`; did you mean 'train'?",
    DOCUMENT,
    "rows.json",
    kind="json_document",
    rows="data.trian",
)
whole(
    "keys that lead to no list",
    "`rows: data` must lead to a list (it leads to {'train':",
    DOCUMENT,
    "rows.json",
    kind="json_document",
    rows="data",
)
whole(
    "lists of values without names",
    "data/rows.json: row 1: must be an object (given ['x', 'ant'])",
    DOCUMENT,
    "rows.json",
    kind="json_document",
    rows="data.train",
)
whole(
    "too few names for the values",
    "row 1: must be a list of 1 values (given ['x', 'ant'])",
    DOCUMENT,
    "rows.json",
    kind="json_document",
    rows="data.train",
    names=["text"],
)
whole(
    "a JSON document over its size",
    "data/rows.json: over 1024 bytes",
    b" " * 2000,
    "rows.json",
    kind="json_document",
    max_bytes=1024,
)


def folder(title: str, message: str, files: dict[str, bytes]) -> None:
    """A case of text files in class folders."""

    def build(workshop: Workshop) -> Sources:
        for row, number in zip(messages(60), range(60), strict=True):
            workshop.write(f"data/texts/{row['label']}/{number}.txt", row["text"])
        for name, content in files.items():
            workshop.write(f"data/texts/{name}", content)
        return [{"kind": "text_folder", "path": "data/texts"}]

    CASES.append(Case(title, message, build))


folder(
    "a file next to the class folders",
    "data/texts/notes.txt: is not a folder of a class",
    {"notes.txt": b"x"},
)
folder(
    "a hidden folder among the classes",
    "data/texts/.cache: is not a folder of a class",
    {".cache/x.txt": b"x"},
)
folder(
    "class folders that differ in case",
    "data/texts/ant: differs from 'Ant' in case or Unicode form only",
    {"Ant/x.txt": b"x"},
)
folder(
    "class folders that differ in Unicode form",
    "in case or Unicode form only",
    {"caf\u00e9/x.txt": b"x", "cafe\u0301/x.txt": b"x"},
)
folder("a folder inside a class", "data/texts/ant/more: is a folder", {"ant/more/x.txt": b"x"})
folder("an empty text file", "data/texts/ant/empty.txt: is empty", {"ant/empty.txt": b""})
folder(
    "a text file that is not UTF-8",
    "data/texts/ant/latin.txt: is not UTF-8 at byte 1",
    {"ant/latin.txt": b"\xc3\xa9\xe9"[1:]},
)


@case("a class folder without files", "data/texts/dog: an empty class; remove the folder")
def _(workshop: Workshop) -> Sources:
    workshop.write("data/texts/ant/1.txt", "x")
    (workshop.root / "data/texts/dog").mkdir()
    return [{"kind": "text_folder", "path": "data/texts"}]


# --- Declared otherwise than it is ---------------------------------------------------------------
whole(
    "a document in another encoding than declared",
    "data/rows.json: is not ascii after byte 0",
    '[{"text": "caf\u00e9", "label": "ant"}]'.encode(),
    "rows.json",
    kind="json_document",
    encoding="ascii",
)
table(
    "a row too long for the declared names",
    "data/rows.csv:61: 2 columns are named, this row has 3",
    CSV_ROWS + "x,ant,y\n",
    names=["text", "label"],
)


def remote(title: str, message: str, stored: bytes | None, declared: bytes) -> None:
    """A case of a file elsewhere, by the stand-in for a cloud store."""

    def build(workshop: Workshop) -> Sources:
        url = f"{CLOUD}://bad/rows.jsonl"
        if stored is not None:
            with fsspec.open(url, "wb") as file:
                file.write(stored)
        else:
            url = f"{CLOUD}://bad/nothing.jsonl"
        return [{"kind": "jsonl", "url": url, "sha256": sha256_bytes(declared)}]

    CASES.append(Case(title, message, build))


remote("a remote file that changed", "oss://bad/rows.jsonl: is not the declared file", GOOD, GOOD[:-1])
remote("a remote file that is not there", "oss://bad/nothing.jsonl: cannot be downloaded", None, GOOD)
remote(
    "a remote file with a broken line",
    "oss://bad/rows.jsonl:61:2: broken JSON",
    GOOD + b"{\n",
    GOOD + b"{\n",
)


@case("a label mistyped once", "did you mean 'bee' (20 rows)?")
def _(workshop: Workshop) -> tuple[Sources, dict[str, Any]]:
    workshop.write("data/rows.jsonl", GOOD + jsonl([{"text": "x y", "label": "beee"}]).encode())
    return JSONL, {"min_rows_per_class": {"train": 2, "test": 0}}


# --- Transforms -----------------------------------------------------------------------------------
def transformed(title: str, message: str, **transform: Any) -> None:
    """A case of one transform on good rows."""
    whole(title, message, GOOD, transforms=[transform])


transformed(
    "a label that the map does not name",
    "rows.jsonl:3: label: not listed in the map (given 'cat'; did you mean 'ant'? allowed: ant, bee)",
    kind="map",
    column="label",
    values={"ant": "a", "bee": "b"},
)
transformed(
    "a constant that hides a column",
    "label: the file has this column; a constant would hide it",
    kind="constant",
    column="label",
    value="x",
)
transformed(
    "a filter on a column that is not there",
    "rows.jsonl:1: keep_if: Undefined variable or function: 'lang'",
    kind="filter",
    keep_if="lang == 'en'",
)
transformed(
    "a filter that answers with a text",
    "rows.jsonl:1: keep_if: must be true or false (it is 'message number 0 about a')",
    kind="filter",
    keep_if="text",
)
transformed(
    "a filter that compares text and number", "rows.jsonl:1: keep_if:", kind="filter", keep_if="text > 3"
)
transformed(
    "a filter that leaves nothing", "no rows reach the split `train`", kind="filter", keep_if="label == 'dog'"
)
