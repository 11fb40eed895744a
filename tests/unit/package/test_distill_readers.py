"""`distill/` opens in the usual readers, and each opens the teacher that it is given."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features, load_dataset

from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.classification.soft_targets import TEXT
from teacherspec.package.features_metadata import KEY, schema_with_features
from teacherspec.runtime.atomic_io import write_parquet_parts, write_text
from tests.toys.packaged_teacher import PackagedTeacher
from tests.toys.readers import ask, reader

OPEN = """
import json, os, sys
import datasets
from datasets import load_dataset

datasets.disable_progress_bars()
expected, cache, *folders = sys.argv[1:]
assert datasets.__version__.startswith(expected), datasets.__version__
print(json.dumps([
    load_dataset(folder, "soft", split="train", cache_dir=cache)["logits"][:2] for folder in folders
]))
"""


def packages_of_two_teachers(teacher: Path, place: Path) -> list[Path]:
    """`distill/` of a teacher and of one with other logits for the same rows, in folders of one name."""
    folders = [place / name / "distill" for name in ("first", "second")]
    for sign, folder in zip((1.0, -1.0), folders, strict=True):
        shutil.copytree(teacher / "distill", folder)
        rebuild(folder, sign)
    return folders


def rebuild(folder: Path, factor: float) -> None:
    """The same rows of a teacher whose logits are others."""
    (shard,) = folder.glob("soft/train-*.parquet")
    table = pq.read_table(shard)
    at = table.column_names.index("logits")
    flat = factor * table["logits"].combine_chunks().flatten().to_numpy()
    logits = pa.FixedSizeListArray.from_arrays(pa.array(flat.astype(np.float32)), 3)
    write_parquet_parts(shard, table.schema, [table.set_column(at, table.schema.field(at), logits)])
    write_text(folder / "README.md", dataset_card(folder, ["train"], TEXT))


def stored(folder: Path) -> list[list[float]]:
    (shard,) = folder.glob("soft/train-*.parquet")
    return pq.read_table(shard)["logits"].to_pylist()[:2]


def opened(folder: Path, cache: Path) -> list[list[float]]:
    return load_dataset(str(folder), "soft", split="train", cache_dir=str(cache))["logits"][:2]


def test_one_cache_gives_each_teacher_its_own_targets_and_a_rebuilt_one_its_new_ones(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    folders = packages_of_two_teachers(packaged_teacher.folder, tmp_path)
    cache = tmp_path / "cache"
    assert [opened(folder, cache) for folder in folders] == [stored(folder) for folder in folders]
    assert stored(folders[0]) != stored(folders[1])
    rebuild(folders[0], 2.0)
    assert opened(folders[0], cache) == stored(folders[0])


def test_without_its_content_in_the_head_another_teacher_is_opened(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    folders = packages_of_two_teachers(packaged_teacher.folder, tmp_path)
    for folder in folders:
        card = (folder / "README.md").read_text()
        (folder / "README.md").write_text(
            "".join(line for line in card.splitlines(keepends=True) if "description:" not in line)
        )
    first, second = (opened(folder, tmp_path / "cache") for folder in folders)
    assert first == second != stored(folders[1])


@pytest.mark.parametrize("major", ["3", "4"])
def test_older_datasets_open_each_teacher(
    packaged_teacher: PackagedTeacher, tmp_path: Path, major: str
) -> None:
    reader(f"datasets{major}")
    folders = packages_of_two_teachers(packaged_teacher.folder, tmp_path)
    found = ask(f"datasets{major}", OPEN, f"{major}.", tmp_path / "cache", *folders)
    assert found == [stored(folder) for folder in folders]


def test_older_names_of_types_say_the_same(packaged_teacher: PackagedTeacher) -> None:
    (shard,) = packaged_teacher.folder.glob("distill/soft/train-*.parquet")
    schema = pq.read_schema(shard)
    assert b'"List"' not in schema.metadata[KEY]
    features = Features.from_arrow_schema(schema)
    assert features["label"].names == ["cold", "hot", "wet"]
    assert features["logits"].length == 3
    assert features.arrow_schema.equals(schema)
    assert schema_with_features(features).metadata == schema.metadata


TABLES = """
import json, sys

reader, *paths = sys.argv[1:]

def polars(path):
    import polars

    return polars.read_parquet(path).to_dicts()

def duckdb(path):
    import duckdb

    found = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [path])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]

def pandas(path):
    import pandas

    return pandas.read_parquet(path).to_dict("records")

def datasets(path):
    import datasets, os

    datasets.disable_progress_bars()
    rows = datasets.load_dataset("parquet", data_files=path, split="train", cache_dir=path + ".cache")
    return rows.to_list()

def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value

read = globals()[reader]
print(json.dumps([[{name: plain(row[name]) for name in row} for row in read(path)] for path in paths]))
"""


def plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


@pytest.fixture(scope="module")
def files(
    packaged_teacher: PackagedTeacher, language_teacher: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Files with every type of column that soft targets have."""
    place = tmp_path_factory.mktemp("files")  # `datasets` writes its cache next to a file
    images = place / "images.parquet"
    vector = pa.list_(pa.float32(), 4)
    schema = pa.schema([("id", pa.string()), ("image", pa.binary()), ("embeds", vector), ("crossed", vector)])
    rows = [{"id": "a", "image": b"\x89PNG\0\xff", "embeds": [0.1] * 4, "crossed": None}] * 3
    rows += [{"id": "b", "image": b"", "embeds": [-math.inf, 1e-30, 0.0, 2.5], "crossed": [1.0] * 4}]
    write_parquet_parts(images, schema, [pa.Table.from_pylist(rows, schema)])
    soft = "distill/soft/train-00000-of-00001.parquet"
    classes = shutil.copyfile(packaged_teacher.folder / soft, place / "classes.parquet")
    return [images, classes, shutil.copyfile(language_teacher / soft, place / "tokens.parquet")]


def content(path: Path) -> list[dict[str, Any]]:
    return [{name: plain(row[name]) for name in row} for row in pq.read_table(path).to_pylist()]


READERS = [
    ("duckdb", "tables"), ("polars", "tables"), ("pandas", "tables"), ("datasets", "datasets3"),
    ("datasets", "datasets4"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "folder"), READERS)
def test_other_readers_find_the_same_values(files: list[Path], name: str, folder: str) -> None:
    reader(folder)
    assert len(files) == 3
    assert ask(folder, TABLES, name, *files) == [content(path) for path in files]


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [(pa.float16(), "PLAIN"), (pa.float32(), "BYTE_STREAM_SPLIT"), (pa.float64(), "BYTE_STREAM_SPLIT")],
)
@pytest.mark.parametrize("nested", [lambda kind: kind, pa.list_, lambda kind: pa.list_(pa.list_(kind))])
def test_only_types_that_all_readers_know_are_split_into_bytes(
    tmp_path: Path, kind: pa.DataType, encoding: str, nested: Callable[[pa.DataType], pa.DataType]
) -> None:
    schema = pa.schema([("x", nested(kind)), ("id", pa.string())])
    write_parquet_parts(tmp_path / "x.parquet", schema, [schema.empty_table(), pa.table(
        {"x": pa.array([None], schema.field("x").type), "id": ["a"]}, schema
    )])  # fmt: skip
    group = pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(1)
    assert encoding in group.column(0).encodings
    assert ("BYTE_STREAM_SPLIT" in group.column(0).encodings) == (encoding == "BYTE_STREAM_SPLIT")
    assert "RLE_DICTIONARY" in group.column(1).encodings
