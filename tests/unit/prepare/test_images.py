"""Duplicates, copies and leaks among images; the report on images; memory."""

import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from teacherspec.prepare.dedup.candidate_pairs import banding, similar_pairs
from teacherspec.prepare.dedup.signatures import SignatureComparison
from teacherspec.prepare.mmap_columns import Workspace
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from tests.toys.pictures import encoded, scene
from tests.unit.prepare.toy_data import Workshop, image_fields

LABELS = ("ant", "bee", "cat")
SPLITS = ("train", "validation", "calibration", "test")
FIELD = ImageColumn("image")
SOURCES = [
    {"kind": "image_folder", "path": f"data/{split}", "split": split, "columns": {"id": "file"}}
    for split in SPLITS
]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, image_fields())


def four_folders(workshop: Workshop, more: Mapping[str, bytes]) -> None:
    """Distinct photos in ready-made splits, and some more files."""
    for at, split in enumerate(SPLITS):
        for number in range(12):
            seed = 100 * at + number
            name = f"data/{split}/{LABELS[number % 3]}/{split}-{number:02d}.png"
            workshop.write(name, encoded(scene(seed, 96, 72)))
    for name, content in more.items():
        workshop.write(f"data/{name}", content)


def copies(picture: Image.Image) -> dict[str, bytes]:
    return {
        "jpeg": encoded(picture, "JPEG", quality=40),
        "small": encoded(picture.resize((48, 36))),
        "dark": encoded(ImageEnhance.Brightness(picture).enhance(0.85)),
        "grey": encoded(picture.convert("L")),
    }


def test_the_same_pixels_in_two_splits_are_a_leak_whatever_the_format(workshop: Workshop) -> None:
    of_test = scene(300, 96, 72)  # the first one of test
    four_folders(workshop, {"train/ant/again.bmp": encoded(of_test, "BMP")})
    workshop.prepare(SOURCES)
    assert workshop.metrics()["rows"]["leaks"] == 1
    assert "again.bmp" not in {row["id"] for row in workshop.rows("train")}
    assert len(workshop.rows("test")) == 12
    line = (
        "data/train/ant/again.bmp: in train, but also at data/test/ant/test-00.png (test): 'image of 96×72'"
    )
    assert line in workshop.report()
    assert workshop.refusal(SOURCES, leaks="refuse") == (f"{line}; or declare `prepare.leaks: drop`",)


@pytest.mark.parametrize("copy", ["jpeg", "small", "dark", "grey"])
def test_a_copy_in_another_split_is_a_leak(workshop: Workshop, copy: str) -> None:
    four_folders(workshop, {f"train/bee/{copy}.x": copies(scene(300, 96, 72))[copy]})
    workshop.prepare(SOURCES)
    found = workshop.metrics()["rows"]
    assert (found["leaks"], found["near_leaks"], found["near_disagreeing"]) == (0, 1, 2)
    assert (
        f"data/train/bee/{copy}.x: in train, but also at data/test/ant/test-00.png (test), labelled 'bee'"
        in (workshop.report())
    )
    assert f"{copy}.x" not in {row["id"] for row in workshop.rows("train")}
    workshop.prepare(SOURCES, near_duplicates={"across_splits": "keep"})
    assert f"{copy}.x" in {row["id"] for row in workshop.rows("train")}
    workshop.prepare(SOURCES, near_duplicates={"image_similarity": 1.0})
    assert workshop.metrics()["rows"]["near_leaks"] == (1 if copy in ("grey", "dark") else 0)


def test_copies_in_one_split_are_counted_and_dropped_where_declared(workshop: Workshop) -> None:
    more = {f"train/ant/{name}.x": content for name, content in copies(scene(0, 96, 72)).items()}
    four_folders(workshop, more)
    workshop.prepare(SOURCES)
    assert workshop.metrics()["rows"]["near_duplicates"] == 4
    assert len(workshop.rows("train")) == 16
    workshop.prepare(SOURCES, near_duplicates={"within_split": "drop"})
    assert len(workshop.rows("train")) == 12


def test_plain_images_are_no_copies_of_each_other(workshop: Workshop) -> None:
    plain = [encoded(Image.new("RGB", (30, 30), (grey, grey, 255 - grey))) for grey in range(0, 250, 25)]
    four_folders(workshop, {f"train/ant/plain{at}.png": content for at, content in enumerate(plain)})
    workshop.prepare(SOURCES)
    found = workshop.metrics()["rows"]
    assert (found["near_leaks"], found["near_duplicates"], found["kept"]) == (0, 0, 48 + len(plain))


def test_distinct_digits_are_no_copies_of_each_other(workshop: Workshop) -> None:
    workshop.prepare([{"kind": "digits"}])
    found = workshop.metrics()["rows"]
    assert (found["near_leaks"], found["near_duplicates"], found["near_disagreeing"]) == (0, 0, 0)


def test_drawings_that_share_their_hash_are_no_copies(workshop: Workshop) -> None:
    def drawing(squares: int) -> bytes:
        """Three grey boxes, one square in one of them."""
        image = Image.new("RGB", (400, 100), (128, 128, 128))
        for box in range(3):
            image.paste((211, 211, 211), (150 * box, 0, 150 * box + 100, 100))
        for number in range(3):
            colour = ((0, 0, 0), (0, 153, 255))[squares >> number & 1]
            image.paste(colour, (40 + 150 * number, 60, 60 + 150 * number, 80))
        return encoded(image)

    drawings = [drawing(squares) for squares in range(8)]
    hashes = [np.unpackbits(np.frombuffer(FIELD.perceptual_hash(one), np.uint8)) for one in drawings]
    assert any((hashes[0] != other).mean() < 0.1 for other in hashes[1:])  # the hash alone would be wrong
    four_folders(workshop, {f"train/ant/{at}.png": content for at, content in enumerate(drawings)})
    workshop.prepare(SOURCES)
    found = workshop.metrics()["rows"]
    assert (found["near_leaks"], found["near_duplicates"], found["kept"]) == (0, 0, 56)


def test_text_and_image_must_both_be_near(tmp_path: Path) -> None:
    fields = RowSchema((ImageColumn("image"), TextColumn("text")), LabelColumn("label"))
    workshop = Workshop(tmp_path, fields)
    lines = ["file,text,label,id"]
    for number in range(40):
        workshop.write(f"data/{number}.png", encoded(scene(number, 96, 72)))
        lines.append(
            f"{number}.png,is there a red box on the left of picture {number}?,{LABELS[number % 3]},{number}"
        )
    workshop.write("data/copy.jpg", encoded(scene(0, 96, 72), "JPEG"))
    lines += [
        "copy.jpg,is there a red box on the left of picture 0,ant,same",
        "copy.jpg,how many circles touch the lower edge in all?,ant,asked",
    ]
    workshop.write("data/rows.csv", "\n".join(lines) + "\n")
    files = {"image": {"column": "file", "folder": "data"}}
    workshop.prepare([{"kind": "csv", "path": "data/rows.csv", "files": files}])
    found = workshop.metrics()["rows"]
    assert found["near_leaks"] + found["near_duplicates"] == 1
    assert "data/rows.csv:42: in" in workshop.report()


def test_the_report_lists_measures_and_changes(workshop: Workshop) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    four_folders(
        workshop,
        {
            "train/ant/turned.jpg": encoded(scene(900, 96, 72), "JPEG", exif=exif),
            "train/ant/print.jpg": encoded(scene(901, 96, 72).convert("CMYK"), "JPEG"),
        },
    )
    workshop.prepare(SOURCES)
    metrics = workshop.metrics()
    assert metrics["changed"] == {"image: CMYK to RGB": 1, "image: turned as EXIF says": 1}
    assert metrics["splits"]["test"]["image"] == {
        "width": {"p05": 96, "p50": 96, "p95": 96},
        "height": {"p05": 72, "p50": 72, "p95": 72},
        "format": {"PNG": 1.0},
        "colours": {"colour": 1.0},
    }
    assert metrics["splits"]["test"]["bytes"]["max"] > 1000
    assert "characters" not in str(metrics)
    for line in (
        "| `image: turned as EXIF says` | 1 |",
        "| `image width` | 72, 96, 96 | 96, 96, 96 |",
        "bytes p50",
    ):
        assert line in workshop.report()


def test_nearly_all_pairs_of_signatures_are_found_and_no_other(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    bits = draw.integers(0, 2, (400, 256), np.uint8)
    for row in range(200):  # the second half: copies with up to 40 bits changed
        bits[200 + row] = bits[row]
        bits[200 + row, draw.choice(256, row % 41, replace=False)] ^= 1
    words = np.packbits(bits, axis=1).view(np.uint64)
    comparison = SignatureComparison(0.9, [words[:, at] for at in range(4)])
    everyone = np.ones(400, bool)
    pairs = similar_pairs(everyone, comparison, lambda rows: (rows,), Workspace(tmp_path, 1 << 30))
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    true = {(row, 200 + row) for row in range(200) if row % 41 <= 25}
    assert found <= true
    assert len(found) >= 0.99 * len(true)
    bands, numbers = banding(0.9, comparison.most_values)
    assert (1 - 0.9**numbers) ** bands <= 0.005
    words[7] = 0
    comparison = SignatureComparison(0.9, [words[:, at] for at in range(4)])
    assert np.flatnonzero(~comparison.with_signature(everyone, Workspace(tmp_path, 1 << 30))).tolist() == [7]


def peak(folder: Path, images: int) -> int:
    workshop = Workshop(folder, image_fields())
    noise = np.random.default_rng(0)
    for number in range(images):
        picture = Image.fromarray(noise.integers(0, 256, (160, 160, 3), np.uint8))
        workshop.write(f"data/all/{LABELS[number % 3]}/{number:04d}.bmp", encoded(picture, "BMP"))
    tracemalloc.start()
    workshop.prepare([{"kind": "image_folder", "path": "data/all"}], near_duplicates=None)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest


@pytest.mark.slow
def test_memory_does_not_grow_with_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("row_store.BATCH_BYTES", "write_splits.PART_BYTES", "report.content_preview._BATCH_BYTES"):
        monkeypatch.setattr(f"teacherspec.prepare.{name}", 1 << 20)
    few, many = peak(tmp_path / "few", 60), peak(tmp_path / "many", 240)
    assert many < few + (4 << 20)  # the images of `many` take 14 MB more
