"""Broken Parquet and Arrow files, one case each."""

import io
import json
import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.prepare.bad_inputs import GOOD, LABELS, TEXTS, Sources, case, whole
from tests.unit.prepare.toy_data import Workshop


def parquet(title: str, message: str, columns: pa.Table, **source: Any) -> None:
    """A case of one Parquet file."""
    whole(title, message, parquet_bytes(columns), "rows.parquet", kind="parquet", **source)


def parquet_bytes(columns: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(columns, sink)
    return sink.getvalue()


# --- Parquet --------------------------------------------------------------------------------------
GOOD_PARQUET = parquet_bytes(pa.table({"text": TEXTS, "label": LABELS}))
BROKEN_PAGE = GOOD_PARQUET[:60] + bytes(byte ^ 255 for byte in GOOD_PARQUET[60:160]) + GOOD_PARQUET[160:]
CLASS_LABELS = {
    "huggingface": json.dumps({"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}})
}
whole(
    "Parquet that was cut",
    "data/rows.parquet: is not a readable Parquet file",
    GOOD_PARQUET[:-40],
    "rows.parquet",
    kind="parquet",
)
whole(
    "Parquet with broken pages",
    "data/rows.parquet: broken after row 0",
    BROKEN_PAGE,
    "rows.parquet",
    kind="parquet",
)
whole("Parquet of 0 bytes", "data/rows.parquet: is empty", b"", "rows.parquet", kind="parquet")
whole(
    "CSV called Parquet",
    "data/rows.parquet: is not a readable Parquet file",
    b"text,label\nx,ant\n",
    "rows.parquet",
    kind="parquet",
)
parquet(
    "a nested column",
    "rows.parquet: row 1: text: must be a text (given {'en': 'x'})",
    pa.table({"text": [{"en": "x"}], "label": ["ant"]}),
)
parquet(
    "fractions as labels",
    "row 1: label: must be a text or a whole number (given 0.0)",
    pa.table({"text": TEXTS, "label": pa.array([0.0] * 60)}),
)
parquet(
    "NaN in Parquet",
    "row 1: label: must be a text or a whole number (given nan)",
    pa.table({"text": ["x"], "label": [float("nan")]}),
)
parquet(
    "null in Parquet",
    "rows.parquet: row 2: label: must be a text or a whole number (given None)",
    pa.table({"text": ["x", "y"], "label": ["ant", None]}),
)
parquet("a column missing in Parquet", "column 'label' not found (columns: text)", pa.table({"text": TEXTS}))
parquet(
    "a column twice in Parquet",
    "data/rows.parquet: has the columns text twice",
    pa.Table.from_arrays([TEXTS, TEXTS], names=["text", "text"]),
)
parquet(
    "no rows in Parquet", "data/rows.parquet: no rows", pa.table({"text": TEXTS[:0], "label": LABELS[:0]})
)
parquet(
    "bytes as text", "row 1: text: must be a text (given b'x')", pa.table({"text": [b"x"], "label": ["ant"]})
)
parquet(
    "an unlabelled row of the hub",
    "rows.parquet: row 1: label: a text here, a number at data/rows.parquet: row 2",
    pa.table({"text": ["x", "y"], "label": [1, -1]}).replace_schema_metadata(CLASS_LABELS),
)


@case("a row group that unpacks too large", "row group 1 unpacks to")
def _(workshop: Workshop) -> Sources:
    texts = pa.array([os.urandom(30).hex() for _ in range(40_000)])
    workshop.write("data/rows.parquet", parquet_bytes(pa.table({"text": texts, "label": texts})))
    return [{"kind": "parquet", "path": "data/rows.parquet", "max_row_group_bytes": 1 << 20}]


def shared(size: int) -> pa.Table:
    """20,000 rows that share one text of so many bytes; writing it as Parquet takes the memory of all."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * size]))
    return pa.table({"text": text, "label": ["ant"] * 20_000})


whole(
    "a kilobyte of Parquet that holds one text 20,000 times",
    "data/rows.parquet: unpacks to over 1000 times its size",
    parquet_bytes(shared(10_000)),
    "rows.parquet",
    kind="parquet",
)
whole(
    "a list of one text 100,000 times in Parquet",
    "data/rows.parquet: unpacks to over 1000 times its size",
    parquet_bytes(pa.table({"text": [["x" * 1_000] * 10_000] * 10, "label": ["ant"] * 10})),
    "rows.parquet",
    kind="parquet",
)


# --- Arrow ----------------------------------------------------------------------------------------
def arrow_bytes(columns: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, columns.schema) as writer:
        writer.write_table(columns)
    return sink.getvalue()


GOOD_ARROW = arrow_bytes(pa.table({"text": TEXTS, "label": LABELS}))
whole(
    "Arrow that was cut",
    "data/rows.arrow: is not a readable Arrow file",
    GOOD_ARROW[:-40],
    "rows.arrow",
    kind="arrow",
)
whole("text called Arrow", "data/rows.arrow: is not a readable Arrow file", GOOD, "rows.arrow", kind="arrow")
whole(
    "Arrow without the column",
    "column 'label' not found (columns: text)",
    arrow_bytes(pa.table({"text": TEXTS})),
    "rows.arrow",
    kind="arrow",
)
whole(
    "Arrow that holds one text 20,000 times",
    "data/rows.arrow: unpacks to over 1000 times its size",
    arrow_bytes(shared(100_000)),
    "rows.arrow",
    kind="arrow",
)
whole(
    "Arrow whose values overlap",
    "data/rows.arrow: column 'text' has the type string_view; write it as plain values",
    arrow_bytes(pa.table({"text": TEXTS.cast(pa.string_view()), "label": LABELS})),
    "rows.arrow",
    kind="arrow",
)
