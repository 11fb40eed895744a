"""Rows with several labels: read from any format, refused all at once, compared, counted by label."""

import json
from hashlib import sha256
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pytest

from teacherspec.prepare.label_sets import LabelSets
from teacherspec.prepare.stratified_splits import stratified
from teacherspec.splits import load_prepared
from teacherspec.tasks.multi_label_text_classification.task import MultiLabelTextClassification
from tests.unit.prepare.toy_data import Workshop, jsonl

NAMES = ("ant", "bee", "cat")
SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl"}
CSV = {"kind": "csv", "path": "data/rows.csv"}


def task(**more: Any) -> MultiLabelTextClassification:
    return MultiLabelTextClassification(
        kind="multi_label_text_classification", label_names=NAMES, **{"allow_no_labels": True, **more}
    )


@pytest.fixture
def several(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, task().row_schema())


def text(at: int) -> str:
    """Texts that resemble each other no more than any others."""
    return " ".join(wrap(sha256(str(at).encode()).hexdigest(), 6))


def rows(number: int = 80) -> list[dict[str, Any]]:
    """Texts, each with the labels whose bit is set in its number."""
    return [
        {
            "text": text(at),
            "labels": [name for bit, name in enumerate(NAMES) if at >> bit & 1],
        }
        for at in range(number)
    ]


def stored(prepared: Workshop) -> dict[str, list[int]]:
    return {row["text"]: row["labels"] for part in prepared.all_rows().values() for row in part}


def expected(number: int = 80) -> dict[str, list[int]]:
    return {row["text"]: [int(name in row["labels"]) for name in NAMES] for row in rows(number)}


def test_labels_are_stored_as_zeros_and_ones_and_counted_by_label(several: Workshop) -> None:
    several.write("data/rows.jsonl", jsonl(rows()))
    several.prepare([SOURCE])
    assert stored(several) == expected()
    prepared = load_prepared(several.out)
    assert prepared.label_names == NAMES
    measured = several.metrics()
    train = np.array([row["labels"] for row in several.rows("train")])
    assert [measured["classes"][name]["train"] for name in NAMES] == train.sum(axis=0).tolist()
    details = measured["label_details"]["labels"]["train"]
    assert details["labels_per_row"] == pytest.approx(train.sum(axis=1).mean(), abs=1e-5)
    assert details["without_labels"] == int((train.sum(axis=1) == 0).sum())
    assert "classes" not in measured["splits"]["test"].get("drift", {})


@pytest.mark.parametrize("form", ["json", "separator", "numbers", "columns"])
def test_files_of_texts_hold_the_same_labels_in_several_forms(form: str, several: Workshop) -> None:
    given: dict[str, Any] = CSV
    lines, header = [], "text,labels"
    for row in rows():
        labels = row["labels"]
        if form == "json":
            quoted = json.dumps(labels).replace('"', '""')
            lines.append(f'{row["text"]},"{quoted}"')
        elif form == "separator":
            lines.append(f"{row['text']},{' | '.join(labels)}")
        elif form == "numbers":
            lines.append(f'{row["text"]},"{",".join(str(NAMES.index(name)) for name in labels)}"')
        else:
            header = "text,ant,bee,cat"
            lines.append(",".join([row["text"], *("1" if name in labels else "0" for name in NAMES)]))
    transforms: dict[str, Any] = {
        "json": {},
        "separator": {"transforms": [{"kind": "labels", "separator": "|"}]},
        "numbers": {"transforms": [{"kind": "labels", "separator": ",", "names": list(NAMES)}]},
        "columns": {"transforms": [{"kind": "labels", "columns": list(NAMES)}]},
    }
    several.write("data/rows.csv", "\n".join([header, *lines]) + "\n")
    several.prepare([{**given, **transforms[form]}])
    assert stored(several) == expected()


def test_wrong_labels_are_refused_with_their_places_all_at_once(tmp_path: Path) -> None:
    strict = Workshop(tmp_path, task(allow_no_labels=False).row_schema())
    wrong = rows()[1:]
    wrong[0]["labels"] = ["ant", "bea"]
    wrong[1]["labels"] = ["cat", "cat", "dog"]
    wrong[2]["labels"] = []
    wrong[3]["labels"] = "ant"
    wrong[4]["labels"] = ["ant", 3]
    del wrong[5]["labels"]
    strict.write("data/rows.jsonl", jsonl(wrong))
    problems = "\n".join(strict.refusal([SOURCE]))
    assert (
        "rows.jsonl:1: labels: label 2 is not a declared label (given 'bea'; did you mean 'bee'?" in problems
    )
    assert "rows.jsonl:2: labels: label 3 is not a declared label (given 'dog'" in problems
    assert "lists 'cat' 2 times; list it once" in problems
    assert (
        "rows.jsonl:3: labels: is empty; give the row a label, or declare `task.allow_no_labels" in problems
    )
    assert 'rows.jsonl:4: labels: must be a list of labels such as ["ant"]' in problems
    assert "rows.jsonl:5: labels: label 2 is not a declared label" in problems
    assert "rows.jsonl:6: labels: missing" in problems


def test_wrong_cells_of_one_column_a_label_are_refused(several: Workshop) -> None:
    several.write("data/rows.csv", "text,ant,bee\na,1,0\nb,,yes\n")
    source = {**CSV, "transforms": [{"kind": "labels", "columns": ["ant", "bee", "cow"]}]}
    problems = "\n".join(several.refusal([source]))
    assert "rows.csv:2: cow: missing" in problems
    assert "rows.csv:3: bee: must be 0 or 1 (given 'yes')" in problems


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("0|9", "'9' is no number of a label (allowed: 0 to 2, of `names`)"),
        ("0||1", "label 2 is blank"),
    ],
)
def test_wrong_numbers_of_labels_are_refused(cell: str, says: str, several: Workshop) -> None:
    several.write("data/rows.csv", f"text,labels\na,{cell}\n")
    source = {**CSV, "transforms": [{"kind": "labels", "separator": "|", "names": list(NAMES)}]}
    assert says in "\n".join(several.refusal([source]))


def test_equal_texts_with_other_labels_are_conflicts_and_with_the_same_duplicates(several: Workshop) -> None:
    given = [*rows(), {"text": text(3), "labels": ["bee", "ant"]}]
    several.write("data/rows.jsonl", jsonl(given))
    several.prepare([SOURCE])
    assert several.metrics()["rows"]["duplicates"] == 1
    several.write("data/rows.jsonl", jsonl([*rows(), {"text": text(3), "labels": ["cat"]}]))
    (first, *_) = several.refusal([SOURCE])
    assert 'rows.jsonl:4: labelled \'["ant", "bee"]\', but data/rows.jsonl:81 has \'["cat"]\'' in first


def test_a_label_that_no_row_of_a_split_has_is_refused(several: Workshop) -> None:
    few = [{**row, "labels": [name for name in row["labels"] if name != "cat"]} for row in rows()]
    few[0]["labels"] = ["cat"]
    several.write("data/rows.jsonl", jsonl(few))
    problems = "\n".join(several.refusal([SOURCE]))
    assert "'cat' has 0 rows in" in problems
    assert "the first at data/rows.jsonl:1" in problems


def test_stratified_labels_have_their_share_of_each_split_whatever_the_order_of_rows(
    several: Workshop,
) -> None:
    rare = [
        {**row, "labels": [*row["labels"][:1], *(["cat"] if at % 20 == 0 else [])]}
        for at, row in enumerate([{**row, "labels": row["labels"][:1]} for row in rows(200)])
    ]
    rare = [{**row, "labels": sorted(set(row["labels"]))} for row in rare]
    fractions = {"train": 0.5, "validation": 0.1, "calibration": 0.2, "test": 0.2}
    found = []
    for given in (rare, rare[::-1]):
        several.write("data/rows.jsonl", jsonl(given))
        several.prepare([SOURCE], stratify_labels=True, fractions=fractions)
        found.append({name: {row["text"] for row in part} for name, part in several.all_rows().items()})
    assert found[0] == found[1]
    classes = several.metrics()["classes"]
    for name in NAMES:
        total = sum(classes[name].values())
        for split, share in fractions.items():
            assert abs(classes[name][split] - share * total) <= 1, (name, split)
    for split, share in fractions.items():
        assert abs(len(found[0][split]) - share * 200) <= 2


def test_equal_keys_are_not_divided() -> None:
    draw = np.random.default_rng(0)
    keys = draw.integers(0, 60, 300).astype(np.uint64)
    sets = LabelSets(NAMES, np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]]))
    split = stratified(keys, draw.integers(-1, 4, 300).astype(np.int32), sets, (0.6, 0.0, 0.2, 0.2), 1)
    assert all(len(set(split[keys == key].tolist())) == 1 for key in np.unique(keys))
    assert set(split.tolist()) == {0, 2, 3}
    assert np.bincount(split, minlength=4)[0] == pytest.approx(180, abs=15)


def test_rows_of_transfer_have_no_labels(several: Workshop) -> None:
    several.write("data/rows.jsonl", jsonl(rows()))
    several.write("data/more.jsonl", jsonl({"text": f"unlabelled {at}"} for at in range(5)))
    several.prepare([SOURCE, {"kind": "jsonl", "path": "data/more.jsonl", "role": "transfer"}])
    assert [row["labels"] for row in several.rows("transfer")] == [None] * 5
