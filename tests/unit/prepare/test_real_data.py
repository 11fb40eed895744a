"""Public data sets with traps that are known and counted; every one of them must be found."""

import json
from pathlib import Path

import pytest

from teacherspec.prepare.sources.registry import tables_of
from teacherspec.spec.prepare.sources import CsvSource
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn, TextListColumn
from tests.unit.prepare.toy_data import SHARED, Workshop

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data sets at {SHARED}")
NO_TEST = {"train": 0.8, "validation": 0.1, "calibration": 0.1, "test": 0.0}


def link(workshop: Workshop, name: str, path: Path) -> None:
    workshop.write(name, path.read_bytes())


@needs_shared
def test_banking77(workshop: Workshop) -> None:
    for name in ("train", "test"):
        link(workshop, f"data/{name}.csv", SHARED / "text" / "banking77" / f"{name}.csv")
    source = {"kind": "csv", "columns": {"label": "category"}}
    prepared = workshop.prepare(
        [{**source, "path": "data/train.csv"}, {**source, "path": "data/test.csv", "split": "test"}],
        fractions=NO_TEST,
        min_rows_per_class={"validation": 0},
    )
    assert len(prepared.label_names) == 77
    counted = workshop.metrics()["rows"]
    # Four rows of train are copies; one of test differs from another in case only.
    assert counted["duplicates"] == 5
    assert (counted["leaks"], counted["leaks_with_another_label"], counted["conflicts"]) == (7, 0, 0)
    assert counted["read"] == 10_003 + 3_080  # ten of them go over several lines
    (table,) = tables_of(CsvSource(kind="csv", path="data/train.csv"), workshop.root)
    with table.open(("text", "category")) as opened:
        assert sum("\n" in row.values["text"] for row in opened.rows) == 10
    assert len(workshop.rows("test")) == 3_079


@needs_shared
def test_clinc150_as_it_is_published(workshop: Workshop) -> None:
    link(workshop, "data/clinc150.json", SHARED / "text" / "clinc150" / "data_full.json")
    source = {"kind": "json_document", "path": "data/clinc150.json", "names": ["text", "label"]}
    prepared = workshop.prepare(
        [
            {**source, "rows": "train", "split": "train"},
            {**source, "rows": "val"},
            {**source, "rows": "test", "split": "test"},
            {**source, "rows": "oos_test", "split": "ood", "role": "ood"},
        ],
        fractions={"train": 0.0, "validation": 0.5, "calibration": 0.5, "test": 0.0},
        min_rows_per_class={"train": 80, "test": 30},
    )
    assert len(prepared.label_names) == 150
    assert prepared.splits["ood"].rows == 1_000
    counted = workshop.metrics()["rows"]
    assert (counted["leaks"], counted["leaks_with_another_label"]) == (5, 4)
    assert counted["conflicts"] == 0


@needs_shared
def test_the_imbalanced_clinc150_is_reported(workshop: Workshop) -> None:
    link(workshop, "data/clinc150.json", SHARED / "text" / "clinc150" / "data_imbalanced.json")
    source = {"kind": "json_document", "path": "data/clinc150.json", "names": ["text", "label"]}
    workshop.prepare(
        [
            {**source, "rows": "train", "split": "train"},
            {**source, "rows": "val"},
            {**source, "rows": "test", "split": "test"},
        ],
        fractions={"train": 0.0, "validation": 0.5, "calibration": 0.5, "test": 0.0},
        near_duplicates=None,
    )
    splits = workshop.metrics()["splits"]
    assert splits["test"]["balance"] > 0.999 > splits["train"]["balance"]
    assert "Classes are imbalanced" in workshop.report()
    assert splits["test"]["drift"]["classes_p_value"] < 1e-9


def texts_and_answers(content: str, answer: str) -> RowSchema:
    return RowSchema(content=(TextColumn(content),), answers=(TextColumn(answer),))


@needs_shared
def test_gsm8k(workshop: Workshop) -> None:
    for name in ("train", "test"):
        link(workshop, f"data/{name}.jsonl", SHARED / "gen" / "gsm8k" / f"{name}.jsonl")
    workshop.fields = texts_and_answers("question", "answer")
    source = {"kind": "jsonl"}
    prepared = workshop.prepare(
        [{**source, "path": "data/train.jsonl"}, {**source, "path": "data/test.jsonl", "split": "test"}],
        fractions=NO_TEST,
    )
    assert prepared.label_names == ()
    assert prepared.splits["test"].rows == 1_319
    assert workshop.metrics()["rows"]["read"] == 7_473 + 1_319
    assert all("####" in row["answer"] for row in workshop.rows("test"))


@needs_shared
def test_e2e_keeps_all_references_of_one_input_in_one_split(workshop: Workshop) -> None:
    for name in ("devset", "testset_w_refs"):
        link(workshop, f"data/{name}.csv", SHARED / "gen" / "e2e" / f"{name}.csv")
    workshop.fields = texts_and_answers("mr", "ref")
    workshop.prepare(
        [
            {"kind": "csv", "path": "data/devset.csv"},
            {"kind": "csv", "path": "data/testset_w_refs.csv", "split": "test"},
        ],
        fractions=NO_TEST,
        near_duplicates=None,
    )
    homes = {(row["mr"], split) for split, rows in workshop.all_rows().items() for row in rows}
    assert len(homes) == len({text for text, _ in homes})
    assert len(homes) == 547 + 630
    counted = workshop.metrics()["rows"]
    assert counted["read"] == 4_672 + 4_693
    assert counted["several_answers"] > 9_000
    ids = [row["id"] for rows in workshop.all_rows().values() for row in rows]
    assert len(ids) == len(set(ids)) == counted["kept"]


@needs_shared
def test_scitldr_has_several_references(workshop: Workshop) -> None:
    for name in ("train", "dev", "test"):
        link(workshop, f"data/{name}.jsonl", SHARED / "gen" / "scitldr" / f"{name}.jsonl")
    workshop.fields = RowSchema(content=(TextListColumn("source"),), answers=(TextListColumn("target"),))
    source = {"kind": "jsonl", "other_columns": "ignore"}
    workshop.prepare(
        [
            {**source, "path": "data/train.jsonl", "split": "train"},
            {**source, "path": "data/dev.jsonl"},
            {**source, "path": "data/test.jsonl", "split": "test"},
        ],
        fractions={"train": 0.0, "validation": 0.5, "calibration": 0.5, "test": 0.0},
        on_error="quarantine",
    )
    aside = [json.loads(line) for line in (workshop.out / "quarantine.jsonl").read_text().splitlines()]
    assert [(row["where"], row["wrong"][0].split(" (")[0]) for row in aside] == [
        ("data/train.jsonl:1538", "source: is blank"),
        ("data/train.jsonl:1935", "source: holds a control character"),
    ]
    assert {len(row["target"]) for row in workshop.rows("test")} > {2, 3}
    assert workshop.metrics()["splits"]["test"]["rows"] == 618
