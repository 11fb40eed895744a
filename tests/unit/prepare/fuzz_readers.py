"""Damages files of one format at random and reads each; run in a process of its own, which it may crash.

A file must give rows, or be refused by a `DataError`, within a second and 2 GiB.

    python -m tests.unit.prepare.fuzz_readers FORMAT[,FORMAT…] SEED COUNT FOLDER
"""

import gzip
import io
import json
import resource
import signal
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import TypeAdapter

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import Row
from teacherspec.prepare.sources.registry import tables_of
from teacherspec.spec.prepare.sources import DataSource
from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.columns.image import ImageColumn
from tests.unit.prepare.toy_data import jsonl, messages

SECONDS = 20  # a second of a fast machine
BYTES = 2 << 30
EXTREMES = (0, 1, -1, 127, -128, 2**15, -(2**15), 2**31 - 1, -(2**31))
ROWS = messages(12)


def png() -> bytes:
    """A small picture."""
    sink = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(sink, "PNG")
    return sink.getvalue()


def table() -> pa.Table:
    """Rows with a list, a dictionary and a struct."""
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    features = {"label": {"names": ["ant", "bee", "cat"], "_type": "ClassLabel"}}
    nested = {
        "tags": [["a", "é"], [], None] * 4,
        "pair": [{"x": "1", "y": at} for at in range(12)],
        "shared": pa.array(["one", "two", None] * 4).dictionary_encode(),
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(columns | nested).replace_schema_metadata(metadata)


def arrow(stream: bool) -> bytes:
    """The table as an Arrow file or stream."""
    sink, rows = io.BytesIO(), table()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def parquet() -> bytes:
    """The table as Parquet."""
    sink = io.BytesIO()
    pq.write_table(table(), sink)
    return sink.getvalue()


def tar(form: int) -> bytes:
    """Pictures in a tar of one of its forms, some under names too long for a plain header."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as packed:
        for label, name in product(("ant", "bee"), ("0.png", f"{'long' * 40}.png")):
            entry = tarfile.TarInfo(f"{label}/{name}")
            entry.size = len(png())
            packed.addfile(entry, io.BytesIO(png()))
    return sink.getvalue()


def zipped(method: int) -> bytes:
    """Pictures in a zip."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as packed:
        for label, name in product(("ant", "bee"), ("0.png", "1.png")):
            packed.writestr(f"{label}/{name}", png() * 3)
    return sink.getvalue()


CSV = "text,label\n" + "".join(f'"{row["text"]}, ""said""",{row["label"]}\n' for row in ROWS)

FORMATS: Mapping[str, tuple[str, str, bytes]] = {
    "jsonl": ("jsonl", "rows.jsonl", jsonl(ROWS).encode()),
    "csv": ("csv", "rows.csv", CSV.encode()),
    "utf-16": ("csv", "rows.csv", CSV.encode("utf-16")),
    "gzip": ("jsonl", "rows.jsonl.gz", gzip.compress(jsonl(ROWS).encode(), mtime=0)),
    "zstd": ("jsonl", "rows.jsonl.zst", pa.compress(jsonl(ROWS).encode(), "zstd", asbytes=True)),
    "json": ("json_document", "rows.json", json.dumps(ROWS).encode()),
    "arrow-file": ("arrow", "rows.arrow", arrow(stream=False)),
    "arrow-stream": ("arrow", "rows.arrow", arrow(stream=True)),
    "parquet": ("parquet", "rows.parquet", parquet()),
    "tar-pax": ("image_archive", "photos.tar", tar(tarfile.PAX_FORMAT)),
    "tar-gnu": ("image_archive", "photos.tar", tar(tarfile.GNU_FORMAT)),
    "zip-deflated": ("image_archive", "photos.zip", zipped(zipfile.ZIP_DEFLATED)),
    "zip-lzma": ("image_archive", "photos.zip", zipped(zipfile.ZIP_LZMA)),
    "text-folder": ("text_folder", "texts/ant/0.txt", ROWS[0]["text"].encode()),
    "image-folder": ("image_folder", "photos/ant/0.png", png()),
}
"""Name → kind of source, name of the file, its content."""

Damage = Callable[[bytearray, np.random.Generator], None]


def flip(content: bytearray, draw: np.random.Generator) -> None:
    """Change a bit."""
    content[int(draw.integers(len(content)))] ^= 1 << int(draw.integers(8))


def overwrite(content: bytearray, draw: np.random.Generator) -> None:
    """Write an extreme number over two, four or eight bytes."""
    kind = str(draw.choice(["<h", "<i", "<q", ">i"]))
    number = int(draw.choice(EXTREMES))
    packed = struct.pack(kind, max(-(2**15), min(2**15 - 1, number)) if kind == "<h" else number)
    at = int(draw.integers(max(1, len(content) - len(packed))))
    content[at : at + len(packed)] = packed


def cut(content: bytearray, draw: np.random.Generator) -> None:
    """Leave out the end, or a part in the middle."""
    start, end = sorted(draw.integers(len(content), size=2).tolist())
    del content[start : end if draw.integers(2) else len(content)]


def repeat(content: bytearray, draw: np.random.Generator) -> None:
    """Repeat a part."""
    start, end = sorted(draw.integers(len(content), size=2).tolist())
    content[start:start] = content[start:end] * int(draw.integers(1, 5))


DAMAGES: tuple[Damage, ...] = (flip, overwrite, overwrite, cut, repeat)


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """The content with one to three damages."""
    changed = bytearray(content)
    for _ in range(int(draw.integers(1, 4))):
        if changed:
            DAMAGES[int(draw.integers(len(DAMAGES)))](changed, draw)
    return bytes(changed)


def read(root: Path, kind: str, name: str, options: Mapping[str, Any]) -> int:
    """Number of rows read of a file."""
    folders = kind.endswith("_folder")
    path = f"data/{Path(name).parts[0] if folders else name}"
    given: dict[str, Any] = {"kind": kind, "path": path, **options}
    source = TypeAdapter(DataSource).validate_python(given)
    column = ImageColumn("image")
    rows = 0
    for one in tables_of(source, root):
        with one.open({"text", "label", "image", "tags", "pair", "shared"}) as opened:
            for row in opened.rows:
                rows += 1
                if isinstance(row, Row) and "image" in row.values:
                    try:
                        column.read(row.values["image"])
                    except ColumnError:
                        continue
    return rows


def main(name: str, seed: int, count: int, root: Path) -> None:
    """Read damaged files of a format."""
    kind, file, content = FORMATS[name]
    options = {"encoding": "utf-16"} if name == "utf-16" else {}
    path = root / "data" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    if not read(root, kind, file, options):
        raise AssertionError("nothing was read of the undamaged file")
    draw = np.random.default_rng(seed)
    for number in range(count):
        path.write_bytes(damaged(content, draw))
        signal.alarm(SECONDS)
        try:
            read(root, kind, file, options)
        except DataError:
            continue
        except BaseException:
            sys.stderr.write(f"{name}: file {number} of seed {seed}\n")
            raise
        finally:
            signal.alarm(0)


def memory_in_use() -> int:
    """Address space of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (memory_in_use() + BYTES,) * 2)
    for format_name in sys.argv[1].split(","):
        main(format_name, int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4], format_name))
