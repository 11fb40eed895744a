"""Rows without a label for students: read by every source, kept out of all other splits, never counted."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.prepare.bad_columns import parquet_bytes
from tests.unit.prepare.bad_images import GOOD, tar, zipped
from tests.unit.prepare.test_run import ONE_FILE, chatter
from tests.unit.prepare.toy_data import Workshop, image_fields, jsonl, messages

TRANSFER = {"kind": "jsonl", "path": "data/more.jsonl", "role": "transfer"}
TEXTS = [f"a note about {word} without any label" for word in ("rain", "snow", "wind", "hail")]


def in_transfer(workshop: Workshop) -> set[str]:
    return {row["text"] for row in workshop.rows("transfer")}


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({"kind": "jsonl"}, jsonl({"text": text} for text in TEXTS)),
        ({"kind": "csv"}, "text\n" + "".join(f"{text}\n" for text in TEXTS)),
        ({"kind": "csv", "columns": {"text": "body"}}, "body\n" + "".join(f"{text}\n" for text in TEXTS)),
        ({"kind": "parquet"}, parquet_bytes(pa.table({"text": TEXTS}))),
        ({"kind": "json_document"}, json.dumps([{"text": text} for text in TEXTS])),
    ],
    ids=["jsonl", "csv", "renamed", "parquet", "json"],
)
def test_rows_need_no_label(workshop: Workshop, source: dict[str, Any], content: str | bytes) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.write("data/more", content)
    prepared = workshop.prepare([*ONE_FILE, {**source, "path": "data/more", "role": "transfer"}])
    assert prepared.splits["transfer"].role == "transfer"
    assert in_transfer(workshop) == set(TEXTS)
    assert {row["label"] for row in workshop.rows("transfer")} == {-1}
    assert prepared.label_names == ("ant", "bee", "cat")


def test_a_text_file_is_a_row_in_a_folder_or_in_folders(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    source = {"kind": "text_folder", "path": "data/notes", "role": "transfer"}
    for at, text in enumerate(TEXTS):
        workshop.write(f"data/notes/{at}.txt", text)
    workshop.prepare([*ONE_FILE, source])
    assert in_transfer(workshop) == set(TEXTS)
    for at, text in enumerate(TEXTS):
        (workshop.root / f"data/notes/{at}.txt").unlink()
        workshop.write(f"data/notes/{'wet' if at % 2 else 'dry'}/{at}.txt", text)
    workshop.prepare([*ONE_FILE, source])
    assert in_transfer(workshop) == set(TEXTS)
    # Rows with a label are read from folders of classes only.
    (workshop.root / "data/flat").mkdir()
    workshop.write("data/flat/0.txt", "a text")
    (problem,) = workshop.refusal([*ONE_FILE, {"kind": "text_folder", "path": "data/flat", "split": "test"}])
    assert "is not a folder of a class" in problem


@pytest.mark.parametrize("pack", [tar, zipped, None])
@pytest.mark.parametrize("flat", [True, False])
def test_images_need_no_folder_of_a_class(workshop: Workshop, pack: Any, flat: bool) -> None:
    workshop = Workshop(workshop.root, image_fields())
    workshop.write("data/all.tar", tar(GOOD))
    names = list(GOOD)[: len(GOOD) // 2]
    draw = np.random.default_rng(0)
    from tests.toys.image import toy_image

    unseen = [toy_image(at % 3, draw) for at in range(len(names))]
    files = {f"{at}.png" if flat else name: unseen[at] for at, name in enumerate(names)}
    if pack is None:
        source = {"kind": "image_folder", "path": "data/more"}
        for name, image in files.items():
            workshop.write(f"data/more/{name}", image)
    else:
        source = {"kind": "image_archive", "path": "data/more.x"}
        suffix = "tar" if pack is tar else "zip"
        source["path"] = f"data/more.{suffix}"
        workshop.write(source["path"], pack(files))
    own = {"kind": "image_archive", "path": "data/all.tar"}
    prepared = workshop.prepare([own, {**source, "role": "transfer"}], near_duplicates=None)
    assert prepared.splits["transfer"].rows == len(names)


def test_no_content_of_another_split_is_a_transfer_row(workshop: Workshop) -> None:
    """Of the same content, other than in case, nearly the same, or of the same group."""
    rows = [{**row, "user": f"user {at}"} for at, row in enumerate(chatter(300))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.write("data/none.jsonl", jsonl([{"text": "nothing else", "user": "nobody"}]))
    none = {"kind": "jsonl", "path": "data/none.jsonl", "role": "transfer"}
    workshop.prepare([*ONE_FILE, none], group="user")
    before = {name: part for name, part in workshop.all_rows().items() if name != "transfer"}
    copies = [{"text": row["text"].upper(), "user": f"copy {at}"} for at, row in enumerate(rows[:200])]
    near = [{"text": f"{row['text']} ok", "user": f"near {at}"} for at, row in enumerate(rows[200:])]
    same_group = [{"text": f"new words {at} zz", "user": row["user"]} for at, row in enumerate(rows[:9])]
    fresh = [{"text": "an unheard of sentence, in no file at all", "user": "fresh"}]
    workshop.write("data/more.jsonl", jsonl([*copies, *near, *same_group, *fresh, *fresh]))
    workshop.prepare([*ONE_FILE, none, {**TRANSFER, "split": "transfer"}], group="user")
    after = workshop.all_rows()
    assert in_transfer(workshop) == {"nothing else", fresh[0]["text"]}
    assert {name: part for name, part in after.items() if name != "transfer"} == before
    counts = workshop.metrics()["rows"]
    assert (counts["leaks"], counts["near_leaks"], counts["group_leaks"]) == (200, 100, 9)
    assert "(train)" in workshop.report()
    problems = workshop.refusal([*ONE_FILE, none, {**TRANSFER}], group="user", leaks="refuse")
    assert any("in transfer, but also at" in problem for problem in problems)


def test_an_external_benchmark_takes_its_rows_from_transfer_too(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.write("data/public.jsonl", jsonl([{"text": TEXTS[0]}]))
    workshop.write("data/more.jsonl", jsonl({"text": text} for text in TEXTS))
    public = {"kind": "jsonl", "path": "data/public.jsonl", "split": "public", "role": "external"}
    workshop.prepare([*ONE_FILE, public, TRANSFER])
    assert in_transfer(workshop) == set(TEXTS[1:])


def test_the_rows_are_counted_and_have_no_class(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(chatter(300)))
    labelled = [{"text": row["text"], "label": "a label that no class has"} for row in chatter(80, start=900)]
    workshop.write("data/more.jsonl", jsonl(labelled))
    prepared = workshop.prepare([*ONE_FILE, TRANSFER])
    metrics = workshop.metrics()
    own = metrics["splits"]["transfer"]
    assert own["rows"] == prepared.splits["transfer"].rows == len(workshop.rows("transfer"))
    assert "balance" not in own
    assert "classes" not in own["drift"]
    assert own["drift"]["words"] > 0
    assert {"drift"} <= metrics["splits"]["test"].keys()
    assert "drift" not in metrics["splits"]["train"]
    assert all("transfer" not in splits for splits in metrics["classes"].values())
    card = (workshop.reports / "card.md").read_text()
    assert f"| transfer | transfer | {own['rows']} |" in card
    assert "transfer (transfer)" in card


def test_the_same_rows_whatever_comes_first(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.write("data/more.jsonl", jsonl({"text": text} for text in TEXTS))
    assert workshop.prepare([*ONE_FILE, TRANSFER]) == workshop.prepare([TRANSFER, *ONE_FILE])
    assert pq.read_table(workshop.out / "transfer.parquet").num_rows == len(TEXTS)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"split": "train"}, "split `train` has no role"),
        ({"rows_per_class": 3}, "which transfer rows have not"),
        ({"role": None, "split": "transfer"}, "needs a role"),
    ],
)
def test_a_contradictory_source_is_refused(workshop: Workshop, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        workshop.section([*ONE_FILE, {**TRANSFER, **changes}])


def test_a_transfer_set_may_be_sampled_and_named(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.write("data/more.jsonl", jsonl(chatter(300, start=900)))
    prepared = workshop.prepare([*ONE_FILE, {**TRANSFER, "split": "web", "share": 0.5}])
    assert prepared.splits["web"].role == "transfer"
    assert 80 < prepared.splits["web"].rows < 220
