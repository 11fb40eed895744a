"""Images by whatever way they come are the same rows; real photos and real scans among them."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import ClassLabel, Features, Image, IterableDataset
from sklearn.datasets import load_digits

from teacherspec.prepare.sources.hub import stream_rows
from teacherspec.splits import open_split
from teacherspec.tasks.shared.image_decoding import decode
from tests.unit.prepare.bad_columns import parquet_bytes
from tests.unit.prepare.bad_images import GOOD, tar, zipped
from tests.unit.prepare.toy_data import SHARED, Workshop, image_fields, jsonl

NAMED = {"image": {"column": "file", "folder": "data/photos"}}
PACKED = {"image": {"column": "file", "archive": "data/photos.tar.gz"}}
MADE = {"image": {"name": "{label}/{number}.png", "archive": "data/photos.zip"}}
SOUGHT = {"image": {"name": "{label}-{number}.png", "archive": "data/deep.tar", "anywhere": True}}
FOUND = {"image": {"name": "{label}-{number}.png", "folder": "data/deep", "anywhere": True}}
LABELS = [name[:3] for name in GOOD]
DEEP = {f"some/where/{at}/{name.replace('/', '-')}": image for at, (name, image) in enumerate(GOOD.items())}
CSV = "file,label\n" + "".join(f"{name},{name[:3]}\n" for name in GOOD)
JSONL = jsonl({"file": name, "label": name[:3]} for name in GOOD)
NUMBERED = jsonl({"label": name[:3], "number": name[4:-4]} for name in GOOD)
BYTES = pa.table({"image": list(GOOD.values()), "label": LABELS})
STRUCTS = pa.table(
    {"image": [{"bytes": content, "path": name} for name, content in GOOD.items()], "label": LABELS}
)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, image_fields())


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({"kind": "image_archive", "path": "data/x.tar"}, tar(GOOD)),
        ({"kind": "image_archive", "path": "data/x.tar.gz"}, gzip.compress(tar(GOOD))),
        ({"kind": "image_archive", "path": "data/x.zip"}, zipped(GOOD)),
        (
            {"kind": "image_archive", "path": "data/x.tar", "folder": "one/train"},
            tar(
                {f"./one/{part}/{name}": image for part in ("train", "other") for name, image in GOOD.items()}
            ),
        ),
        ({"kind": "csv", "path": "data/x.csv", "files": NAMED}, CSV.encode()),
        ({"kind": "jsonl", "path": "data/x.jsonl", "files": NAMED}, JSONL.encode()),
        ({"kind": "jsonl", "path": "data/x.jsonl", "files": PACKED}, JSONL.encode()),
        ({"kind": "jsonl", "path": "data/x.jsonl", "files": MADE}, NUMBERED.encode()),
        ({"kind": "jsonl", "path": "data/x.jsonl", "files": SOUGHT}, NUMBERED.encode()),
        ({"kind": "jsonl", "path": "data/x.jsonl", "files": FOUND}, NUMBERED.encode()),
        ({"kind": "parquet", "path": "data/x.parquet"}, parquet_bytes(BYTES)),
        ({"kind": "parquet", "path": "data/x.parquet"}, parquet_bytes(STRUCTS)),
    ],
    ids=[
        *("tar", "tar.gz", "zip", "folder in tar", "csv", "jsonl"),
        *("packed", "made", "sought", "found", "bytes", "structs"),
    ],
)
def test_every_way_gives_the_same_rows(workshop: Workshop, source: dict[str, Any], content: bytes) -> None:
    for name, image in GOOD.items():
        workshop.write(f"data/photos/{name}", image)
    for name, image in DEEP.items():
        workshop.write(f"data/deep/{name}", image)
    workshop.write("data/photos.tar.gz", gzip.compress(tar(GOOD)))
    workshop.write("data/photos.zip", zipped(GOOD))
    workshop.write("data/deep.tar", tar(DEEP))
    expected = workshop.prepare([{"kind": "image_folder", "path": "data/photos"}])
    workshop.write(source["path"], content)
    assert workshop.prepare([source]) == expected
    stored = {row["image"] for rows in workshop.all_rows().values() for row in rows}
    assert stored == set(GOOD.values())


def test_the_name_of_a_file_may_be_its_id_or_an_extra_column(workshop: Workshop) -> None:
    for name, image in GOOD.items():
        workshop.write(f"data/photos/{name}", image)
    folder = {"kind": "image_folder", "path": "data/photos"}
    workshop.prepare([folder], keep_columns=["file"])
    assert {row["file"] for row in workshop.rows("train")} < {name[4:] for name in GOOD}
    workshop.prepare([{**folder, "columns": {"id": "file"}}])
    assert {row["id"] for row in workshop.rows("train")} < {name[4:] for name in GOOD}
    workshop.write("data/x.csv", CSV)
    workshop.prepare([{"kind": "csv", "path": "data/x.csv", "files": NAMED, "columns": {"id": "file"}}])
    assert {row["id"] for row in workshop.rows("train")} < set(GOOD)


def test_the_digits_of_scikit_learn(workshop: Workshop) -> None:
    prepared = workshop.prepare([{"kind": "digits"}])
    assert prepared.label_names == tuple("0123456789")
    assert sum(split.rows for split in prepared.splits.values()) == 1_797
    scans, labels = load_digits().images, load_digits().target
    label_of = {scan.tobytes(): label for scan, label in zip(scans, labels, strict=True)}
    assert len(label_of) == 1_797
    for row in workshop.rows("test"):
        grey = np.asarray(decode(row["image"]))[..., 0]
        assert label_of[np.rint(grey * (16 / 255)).tobytes()] == row["label"]


def test_an_opened_split_gives_the_bytes(workshop: Workshop, tmp_path: Path) -> None:
    split = workshop.prepare([{"kind": "digits"}]).splits["test"]
    opened = open_split(split, tmp_path)
    assert decode(opened[0]["image"]).size == (8, 8)


def test_images_of_the_hub_come_undecoded() -> None:
    features = Features({"image": Image(), "label": ClassLabel(names=["ant", "bee"])})
    rows = [{"image": {"bytes": image, "path": None}, "label": 1} for image in list(GOOD.values())[:2]]
    opened = stream_rows("toy", IterableDataset.from_generator(lambda: iter(rows), features=features))
    assert [row.values["image"]["bytes"] for row in opened.rows] == list(GOOD.values())[:2]


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data sets at {SHARED}")
def test_real_photos_in_archives(workshop: Workshop) -> None:
    names = {"train": "train_30perclass", "calibration": "validation", "test": "test"}
    folders = {"train": "train", "calibration": "validation", "test": "test"}
    sources = []
    for split, name in names.items():
        workshop.write(f"data/{name}.tar", (SHARED / "image" / "clothing_small" / f"{name}.tar").read_bytes())
        source = {"kind": "image_archive", "path": f"data/{name}.tar", "folder": folders[split]}
        sources.append(source if split == "calibration" else {**source, "split": split})
    shares = {"train": 0.0, "validation": 0.5, "calibration": 0.5, "test": 0.0}
    prepared = workshop.prepare(sources, fractions=shares)
    assert len(prepared.label_names) == 10
    assert prepared.splits["train"].rows == 300
    assert prepared.splits["test"].rows == 372
    found = workshop.metrics()["rows"]
    assert (found["duplicates"], found["leaks"], found["conflicts"]) == (0, 0, 0)
    given = sum(
        (SHARED / "image" / "clothing_small" / f"{name}.tar").stat().st_size for name in names.values()
    )
    stored = sum(split.path.stat().st_size for split in prepared.splits.values())
    assert stored < given  # the photos as they were, not unpacked
