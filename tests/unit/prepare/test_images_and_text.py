"""Rows of images and text: named files, several images a row, real sentences on pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.image_list import ImageListColumn
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.image_decoding import decode
from tests.toys.pictures import encoded, scene
from tests.unit.prepare.bad_images import GOOD, tar
from tests.unit.prepare.toy_data import SHARED, Workshop, jsonl, messages

NLVR = SHARED / "imagetext" / "nlvr"


def row_schema(image: ImageColumn | ImageListColumn) -> RowSchema:
    return RowSchema(content=(image, TextColumn("text")), label=LabelColumn("label"))


def nlvr(part: str, archive: str, permutation: int, **more: Any) -> dict[str, Any]:
    """The declaration of one part of NLVR with one permutation of the boxes of each picture."""
    name = f"{part}-{{identifier}}-{permutation}.png"
    return {
        "kind": "jsonl",
        "path": f"data/{part}.json",
        "files": {"image": {"name": name, "archive": f"data/images_{archive}.tar.gz", "anywhere": True}},
        "columns": {"text": "sentence"},
        "other_columns": "ignore",
        **more,
    }


@pytest.mark.slow
@pytest.mark.skipif(not NLVR.is_dir(), reason=f"no real data sets at {SHARED}")
def test_nlvr_by_a_plain_declaration(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, row_schema(ImageColumn("image")))
    for file in NLVR.iterdir():
        workshop.write(f"data/{file.name}", file.read_bytes())
    prepared = workshop.prepare(
        [
            nlvr("dev", "dev", 0),
            nlvr("dev", "dev", 1),
            nlvr("test", "test", 0, split="test"),
        ],
        group="identifier",
        keep_columns=["identifier"],
        fractions={"train": 0.8, "validation": 0.1, "calibration": 0.1, "test": 0.0},
    )
    assert prepared.label_names == ("false", "true")
    rows = workshop.all_rows()
    found = workshop.metrics()["rows"]
    assert found["read"] == 2 * 989 + 990
    # Boxes that look alike: another order of them is the same picture.
    assert sum(map(len, rows.values())) == found["read"] - found["duplicates"] - found["near_leaks"]
    assert found["leaks"] == found["group_leaks"] == found["conflicts"] == 0
    assert len(rows["test"]) == 990
    homes: dict[str, set[str]] = {}
    for split, some in rows.items():
        for row in some:
            homes.setdefault(row["identifier"], set()).add(split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert decode(rows["test"][0]["image"]).size == (400, 100)
    assert not list((tmp_path / ".scratch" / "archives").iterdir())


def test_several_images_a_row(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, row_schema(ImageListColumn("images")))
    names = list(GOOD)
    rows = [
        {"text": f"picture {at} of many", "label": name[:3], "pages": [name, names[at - 1]]}
        for at, name in enumerate(names)
    ]
    workshop.write("data/x.jsonl", jsonl(rows))
    workshop.write("data/photos.tar", tar(GOOD))
    files = {"images": {"column": "pages", "archive": "data/photos.tar"}}
    workshop.prepare([{"kind": "jsonl", "path": "data/x.jsonl", "files": files}])
    stored = {row["text"]: row["images"] for split in workshop.all_rows().values() for row in split}
    assert stored == {row["text"]: [GOOD[name] for name in row["pages"]] for row in rows}
    assert workshop.metrics()["splits"]["train"]["images"]["images"]["p50"] == 2


@pytest.mark.parametrize("image", [ImageColumn("image"), ImageListColumn("image")], ids=["one", "list"])
@pytest.mark.parametrize(
    ("text", "leaks"), [("one red roof in the sun!", 1), ("two dogs that bark at night", 0)]
)
def test_only_copies_with_the_same_text_are_near(
    tmp_path: Path, image: ImageColumn | ImageListColumn, text: str, leaks: int
) -> None:
    workshop = Workshop(tmp_path, row_schema(image))
    photo = scene(1, 120, 120)
    workshop.write("data/photo.png", encoded(photo))
    workshop.write("data/small.png", encoded(photo.resize((60, 60))))
    workshop.write("data/other.png", encoded(scene(2, 120, 120)))
    rows = {
        "test": [("photo.png", "one red roof in the sun", "x"), ("other.png", "of test", "y")],
        "train": [("small.png", text, "x"), ("other.png", "of train", "x"), ("other.png", "of it", "y")],
        "validation": [("other.png", "validates", "x"), ("other.png", "chooses", "y")],
        "calibration": [("other.png", "calibrates", "x"), ("other.png", "fits", "y")],
    }
    sources = []
    for split, some in rows.items():
        named = [dict(zip(("file", "text", "label"), row, strict=True)) for row in some]
        workshop.write(f"data/{split}.jsonl", jsonl(named))
        files = {"image": {"column": "file", "folder": "data"}}
        sources.append({"kind": "jsonl", "path": f"data/{split}.jsonl", "files": files, "split": split})
    workshop.prepare(sources, min_rows_per_class={"train": 1, "test": 0})
    assert workshop.metrics()["rows"]["near_leaks"] == leaks


def test_images_of_a_list_are_read_and_reported_by_number() -> None:
    field = ImageListColumn("images", max_images=2)
    (good, other), side = list(GOOD.values())[:2], decode(next(iter(GOOD.values()))).width
    assert (field.read(good), field.read([good, other])) == ([good], [good, other])
    assert field.from_json(field.to_json([good, other])) == [good, other]
    assert field.key([good, other]) != field.key([other, good])
    assert field.text([good]) == f"image of {side}×{decode(good).height}"
    for wrong, message in (
        ([good, b"x"], "image 2 is no image"),
        ([], "has no image"),
        (None, "leave such rows out"),
        ([good] * 3, "1 to 2"),
    ):
        with pytest.raises(ColumnError, match=message):
            field.read(wrong)
    one = ImageColumn("images")
    assert np.allclose(field.grey_thumbnail([good]), one.grey_thumbnail(good))
    white = encoded(Image.new("RGB", (32, 32), "white"))
    assert not np.allclose(field.grey_thumbnail([good, white]), field.grey_thumbnail([good, good]))


@pytest.mark.parametrize("without", [{"photo": None}, {"photo": []}, {}])
def test_rows_without_images_among_rows_with_some(without: dict[str, Any], tmp_path: Path) -> None:
    """As in LLaVA's own data; the refusal names the transform that leaves them out."""
    columns = (ImageListColumn("images"), TextColumn("text"))
    workshop = Workshop(tmp_path, RowSchema(columns, LabelColumn("label")))
    for at in range(30):
        workshop.write(f"data/photos/{at}.png", encoded(scene(at, 16, 16)))
    rows = [{**row, "photo": f"{at}.png"} for at, row in enumerate(messages(30))]
    texts = [{**row, **without} for row in messages(5, 100)]
    workshop.write("data/rows.jsonl", jsonl([*rows, *texts]))
    source = {
        "kind": "jsonl",
        "path": "data/rows.jsonl",
        "files": {"images": {"column": "photo", "folder": "data/photos"}},
    }
    (refusal,) = workshop.refusal([source], near_duplicates=None)
    assert refusal.startswith("data/rows.jsonl:31: images: has no image")
    keep_if = refusal.partition("keep_if: ")[2].partition("}]`")[0]
    workshop.prepare(
        [{**source, "transforms": [{"kind": "filter", "keep_if": keep_if}]}],
        near_duplicates=None,
        min_rows_per_class={"train": 1, "test": 0},
    )
    assert workshop.metrics()["rows"]["kept"] == 30
    assert workshop.metrics()["rows"]["left_out"] == 5
