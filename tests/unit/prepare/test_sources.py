"""Every kind of source gives the same rows."""

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, IterableDataset, Value

from teacherspec.errors import DataError
from teacherspec.prepare.sources.hub import stream_rows
from teacherspec.prepare.sources.registry import READERS, tables_of
from teacherspec.spec.prepare.sources import DataSource, HubDatasetSource
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

ROWS = messages(60)
TABLE = pa.table({name: [row[name] for row in ROWS] for name in ("text", "label")})


def csv_text(delimiter: str) -> str:
    return "".join(
        f"{row['text']}{delimiter}{row['label']}\n" for row in [{"text": "text", "label": "label"}, *ROWS]
    )


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, row_group_size=7)
    return sink.getvalue()


def arrow_bytes(new: Callable[..., Any]) -> bytes:
    sink = io.BytesIO()
    with new(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=7)
    return sink.getvalue()


def class_label_parquet() -> bytes:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["ant", "bee", "cat"])})
    names = features["label"]
    rows = [{"text": row["text"], "label": names.str2int(row["label"])} for row in ROWS]
    sink = io.BytesIO()
    Dataset.from_list(rows, features=features).to_parquet(sink)
    return sink.getvalue()


CONTENT = jsonl(ROWS).encode()
SOURCES = {
    "jsonl": (CONTENT, {"kind": "jsonl", "path": "data/rows.jsonl"}),
    "byte order mark, CRLF, no last line end": (
        b"\xef\xbb\xbf" + CONTENT.replace(b"\n", b"\r\n")[:-2],
        {"kind": "jsonl", "path": "data/rows.jsonl"},
    ),
    "gzip": (gzip.compress(CONTENT), {"kind": "jsonl", "path": "data/rows.jsonl.gz"}),
    "zstandard": (
        pa.compress(CONTENT, "zstd", asbytes=True),
        {"kind": "jsonl", "path": "data/rows.jsonl.zst"},
    ),
    "utf-16": (
        CONTENT.decode().encode("utf-16"),
        {"kind": "jsonl", "path": "data/rows.jsonl", "encoding": "utf-16"},
    ),
    "shift jis": (
        csv_text(",").encode("shift_jis"),
        {"kind": "csv", "path": "data/rows.csv", "encoding": "shift_jis"},
    ),
    "csv without header": (
        csv_text(",").partition("\n")[2].encode(),
        {"kind": "csv", "path": "data/rows.csv", "names": ["text", "label"]},
    ),
    "json document, utf-16": (
        json.dumps(ROWS).encode("utf-16"),
        {"kind": "json_document", "path": "data/rows.json", "encoding": "utf-16"},
    ),
    "csv": (csv_text(",").encode(), {"kind": "csv", "path": "data/rows.csv"}),
    "tsv, gzip": (
        gzip.compress(csv_text("\t").encode()),
        {"kind": "csv", "path": "data/rows.tsv.gz", "delimiter": "\t"},
    ),
    "parquet": (parquet_bytes(), {"kind": "parquet", "path": "data/rows.parquet"}),
    "parquet of datasets": (class_label_parquet(), {"kind": "parquet", "path": "data/rows.parquet"}),
    "arrow file": (arrow_bytes(pa.ipc.new_file), {"kind": "arrow", "path": "data/rows.arrow"}),
    "arrow stream": (arrow_bytes(pa.ipc.new_stream), {"kind": "arrow", "path": "data/rows.arrow"}),
    "json document": (
        json.dumps({"data": {"all": ROWS}}, indent=2).encode(),
        {"kind": "json_document", "path": "data/rows.json", "rows": "data.all"},
    ),
    "json document of lists": (
        json.dumps([[row["text"], row["label"]] for row in ROWS]).encode(),
        {"kind": "json_document", "path": "data/rows.json", "names": ["text", "label"]},
    ),
}


@pytest.mark.parametrize(("content", "source"), SOURCES.values(), ids=SOURCES)
def test_the_same_rows_give_the_same_splits_from_any_source(
    workshop: Workshop, content: bytes, source: dict
) -> None:
    workshop.write("data/plain/rows.jsonl", CONTENT)
    expected = workshop.prepare([{"kind": "jsonl", "path": "data/plain/rows.jsonl"}])
    workshop.write(source["path"], content)
    assert workshop.prepare([source]) == expected


def test_text_folders(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", CONTENT)
    expected = workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    for number, row in enumerate(ROWS):
        workshop.write(f"data/texts/{row['label']}/{number}.txt", row["text"])
    source = {"kind": "text_folder", "path": "data/texts"}
    assert workshop.prepare([source]) == expected
    workshop.prepare([source], keep_columns=["file"])
    assert {row["file"] for row in workshop.rows("train")} <= {f"{number}.txt" for number in range(60)}


def test_a_stream_of_the_hub_gives_class_names() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["ant", "bee"])})
    rows = [{"text": "x", "label": 1}, {"text": "y", "label": -1}]
    opened = stream_rows("toy", IterableDataset.from_generator(lambda: iter(rows), features=features))
    assert opened.columns == ("text", "label")
    assert [row.values for row in opened.rows] == [{"text": "x", "label": "bee"}, {"text": "y", "label": -1}]


def test_a_hub_that_cannot_be_reached_is_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = HubDatasetSource(kind="hub", dataset="somebody/nothing", revision="0" * 40)
    (table,) = tables_of(source, workshop.root)
    assert table.place(3) == "somebody/nothing@000000000000/train: row 3"
    with (
        pytest.raises(DataError, match="somebody/nothing@000000000000/train: cannot be opened: "),
        table.open(()),
    ):
        pass


def test_letters_of_another_encoding_arrive(workshop: Workshop) -> None:
    rows = [*ROWS, {"text": "un caf\u00e9 cr\u00e8me \u20ac", "label": "ant"}]
    workshop.write("data/rows.jsonl", jsonl(rows).encode("cp1252"))
    workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl", "encoding": "cp1252"}])
    assert rows[-1]["text"] in {row["text"] for part in workshop.all_rows().values() for row in part}
    for number, row in enumerate(rows):
        workshop.write(f"data/texts/{row['label']}/{number}.txt", row["text"].encode("cp1252"))
    before = workshop.all_rows()
    workshop.prepare([{"kind": "text_folder", "path": "data/texts", "encoding": "cp1252"}])
    assert workshop.all_rows() == before


def test_a_database_export_escapes_by_backslash(workshop: Workshop) -> None:
    lines = [f'"say \\"{at}\\" \\\\ twice",{"ab"[at % 2]}' for at in range(40)]
    workshop.write("data/rows.csv", "text,label\n" + "\n".join(lines))
    workshop.prepare([{"kind": "csv", "path": "data/rows.csv", "escape": "\\"}])
    texts = {row["text"] for part in workshop.all_rows().values() for row in part}
    assert texts == {f'say "{at}" \\ twice' for at in range(40)}


def test_another_character_may_quote(workshop: Workshop) -> None:
    lines = [f"'say \"{at}\", it''s\nme',{'ab'[at % 2]}" for at in range(40)]
    workshop.write("data/rows.csv", "text,label\n" + "\n".join(lines))
    workshop.prepare([{"kind": "csv", "path": "data/rows.csv", "quote": "'"}])
    texts = {row["text"] for part in workshop.all_rows().values() for row in part}
    assert texts == {f'say "{at}", it\'s\nme' for at in range(40)}


def test_every_kind_of_source_has_a_reader() -> None:
    assert set(READERS) == set(DataSource.__origin__.__args__)
