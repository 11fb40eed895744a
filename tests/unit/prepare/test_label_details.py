"""Columns that describe labels: read from any format, refused all at once, reported, compared."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow.parquet as pq
import pytest

from teacherspec.prepare.dataset_diff import changes_as_markdown, compare_prepared
from teacherspec.splits import load_prepared
from teacherspec.tasks.text_classification.task import TextClassification
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl"}
Rows = list[dict[str, Any]]


@pytest.fixture
def weighted(tmp_path: Path) -> Workshop:
    task = TextClassification(kind="text_classification", label_columns=("weight",))
    return Workshop(tmp_path, task.row_schema())


def rows_with_weights(number: int = 80) -> Rows:
    return [{**row, "weight": at % 3 / 2} for at, row in enumerate(messages(number))]


def test_weights_are_stored_as_given_and_described(weighted: Workshop) -> None:
    weighted.write("data/rows.jsonl", jsonl(rows_with_weights()))
    weighted.prepare([SOURCE])
    expected = {row["text"]: row["weight"] for row in rows_with_weights()}
    stored = {row["text"]: row["weight"] for rows in weighted.all_rows().values() for row in rows}
    assert stored == expected
    assert load_prepared(weighted.out).label_details == ("weight",)
    own = [row["weight"] for row in weighted.rows("train")]
    measured = weighted.metrics()["label_details"]["weight"]["train"]
    assert measured["sum"] == pytest.approx(sum(own))
    assert measured["effective_rows"] == pytest.approx(sum(own) ** 2 / sum(w * w for w in own), rel=1e-5)
    assert measured["zero"] == own.count(0)
    assert "## Column `weight`" in weighted.report()
    assert "| `weight` | double |" in (weighted.reports / "card.md").read_text()


def test_a_column_of_another_name_in_a_file_of_texts(weighted: Workshop) -> None:
    lines = ["text,label,trust", *(f"{r['text']},{r['label']},{r['weight']}" for r in rows_with_weights())]
    weighted.write("data/rows.csv", "\n".join(lines) + "\n")
    weighted.prepare([{"kind": "csv", "path": "data/rows.csv", "columns": {"weight": "trust"}}])
    assert {row["weight"] for row in weighted.rows("train")} <= {0.0, 0.5, 1.0}


def test_rows_without_a_label_have_no_weight(weighted: Workshop) -> None:
    weighted.write("data/rows.jsonl", jsonl(rows_with_weights()))
    weighted.write("data/more.jsonl", jsonl({"text": f"unlabelled {at}"} for at in range(5)))
    weighted.prepare([SOURCE, {"kind": "jsonl", "path": "data/more.jsonl", "role": "transfer"}])
    assert [row["weight"] for row in weighted.rows("transfer")] == [None] * 5


def test_wrong_weights_are_refused_with_their_places_all_at_once(weighted: Workshop) -> None:
    rows = rows_with_weights()
    wrong = {0: -1, 3: "much", 6: None, 9: True, 12: float("nan"), 15: [1]}
    for at, value in wrong.items():
        rows[at]["weight"] = value
    del rows[18]["weight"]
    rows[21]["label"] = 7.5
    weighted.write("data/rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    problems = "\n".join(weighted.refusal([SOURCE]))
    assert "rows.jsonl:1: weight: is below 0 (given -1); give a number of at least 0" in problems
    for at in (3, 6, 9, 15):
        assert f"rows.jsonl:{at + 1}: weight: must be a number of at least 0" in problems
    assert "rows.jsonl:13" in problems
    assert "rows.jsonl:19: weight: missing (no 'weight' in this row)" in problems
    assert "rows.jsonl:22: label: must be a text or a whole number" in problems


def test_a_split_in_which_no_row_counts_is_refused(weighted: Workshop) -> None:
    rows = [{**row, "weight": 0} for row in messages(80)]
    weighted.write("data/rows.jsonl", jsonl(rows))
    problems = weighted.refusal([SOURCE])
    for split in ("train", "validation", "calibration", "test"):
        told = [one for one in problems if f"(split {split}," in one]
        assert len(told) == 1
        assert "weight: every row weighs 0" in told[0]
        assert "data/rows.jsonl:" in told[0]


def test_a_file_without_the_column_is_refused_with_how_to_name_it(weighted: Workshop) -> None:
    weighted.write("data/rows.csv", "text,label,Weight\na,b,1\n")
    problems = weighted.refusal([{"kind": "csv", "path": "data/rows.csv"}])
    assert 'declare `columns: {weight: "Weight"}`' in "\n".join(problems)


def test_a_changed_weight_is_a_change_of_its_own(weighted: Workshop) -> None:
    rows = [{**row, "id": f"m{at:03d}"} for at, row in enumerate(rows_with_weights())]
    weighted.write("data/rows.jsonl", jsonl(rows))
    weighted.prepare([SOURCE])
    copytree(weighted.out, weighted.root / "before")
    rows[4]["weight"] = 9
    weighted.write("data/rows.jsonl", jsonl(rows))
    weighted.prepare([SOURCE])
    found = compare_prepared(weighted.root / "before", weighted.out)
    assert found.redescribed == {"m004": ("weight 0.5", "weight 9.0")}
    assert found.counts() == {**dict.fromkeys(found.counts(), 0), "other label columns": 1, "unchanged": 79}
    assert "other label columns: `m004`: `weight 0.5` → `weight 9.0`" in changes_as_markdown(found)


def test_without_the_declaration_a_weight_is_a_column_like_any_other(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(rows_with_weights()))
    assert "the task does not use it" in "\n".join(workshop.refusal([SOURCE]))
    workshop.prepare([SOURCE], keep_columns=["weight"])
    workshop.prepare([{**SOURCE, "other_columns": "ignore"}])
    assert pq.read_schema(workshop.out / "train.parquet").names == ["id", "text", "label"]
    assert "label_details" not in (workshop.out / "prepared.json").read_text()
    assert "label_details" not in workshop.metrics()
    found = compare_prepared(workshop.out, workshop.out)
    assert "other label columns" not in found.counts()
