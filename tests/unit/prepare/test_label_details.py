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
        message = [one for one in problems if f"(split {split}," in one]
        assert len(message) == 1
        assert "weight: every row weighs 0" in message[0]
        assert "data/rows.jsonl:" in message[0]


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


VOTES = {"ant": [{"ant": 2, "bee": 1}, [2, 1, 0], ["ant", "bee", "ant"], '{"ant": 2, "bee": 1}']}
NAMES = ("ant", "bee", "cat")


def divided(tmp_path: Path, column: str) -> Workshop:
    task = TextClassification(
        kind="text_classification",
        label_columns=(column,),
        label_names=NAMES,
    )
    return Workshop(tmp_path, task.row_schema())


def unlabelled(number: int) -> Rows:
    return [{"text": row["text"]} for row in messages(number)]


def test_votes_in_every_form_give_the_label_of_the_majority(tmp_path: Path) -> None:
    workshop = divided(tmp_path, "label_votes")
    rows = [{**row, "label_votes": VOTES["ant"][at % 4]} for at, row in enumerate(unlabelled(40))]
    rows += [{"text": f"a tie {at}", "label_votes": {"cat": 1, "bee": 1}} for at in range(20)]
    rows += [{"text": f"certain {at}", "label_votes": {"cat": 5}} for at in range(20)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([SOURCE], near_duplicates=None)
    stored = [row for rows in workshop.all_rows().values() for row in rows]
    assert len(stored) == 80
    expected = {"message": (0, [2, 1, 0]), "a": (1, [0, 1, 1]), "certain": (2, [0, 0, 5])}
    assert all((row["label"], row["label_votes"]) == expected[row["text"].split()[0]] for row in stored)
    assert workshop.metrics()["changed"] == {
        "label_votes: a tie for the largest share, decided by the order of task.label_names": 20
    }
    train = workshop.metrics()["label_details"]["label_votes"]["train"]
    labels = [row["label"] for row in workshop.rows("train")]
    assert (train["ties"], train["one_class"]) == (labels.count(1), labels.count(2))
    disagreement = (labels.count(0) / 3 + labels.count(1) / 2) / len(labels)
    assert train["disagreement"] == pytest.approx(disagreement, abs=1e-5)


def test_probabilities_are_scaled_to_one(tmp_path: Path) -> None:
    workshop = divided(tmp_path, "label_probs")
    given = [[0.333, 0.333, 0.334], [0.8, 0.2, 0.0], {"bee": 0.99}]
    rows = [{**row, "label_probs": given[at % 3]} for at, row in enumerate(unlabelled(60))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([SOURCE])
    for row in workshop.rows("train"):
        assert sum(row["label_probs"]) == pytest.approx(1, abs=1e-12)
        assert row["label"] == max(range(3), key=row["label_probs"].__getitem__)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label_votes", {"ant": 0, "bee": 0}, "holds no vote: the numbers sum to 0"),
        ("label_votes", {"ant": -1, "bee": 2}, "of 'ant' is below 0 (given -1)"),
        ("label_votes", {"ant": 1.5}, "must be whole numbers"),
        ("label_votes", {"ent": 1, "bea": 2}, "given 'ent'; did you mean 'ant'?"),
        ("label_votes", ["ant", "bea"], "given 'bea'; did you mean 'bee'?"),
        ("label_votes", [1, 2], 'must be an object such as {"ant": 1, "bee": 0}, or a list of 3 numbers'),
        ("label_votes", None, "must be an object such as"),
        ("label_votes", {"ant": "two"}, "of 'ant' must be a number (given 'two')"),
        ("label_probs", [0.5, 0.2, 0.1], "sums to 0.8, not 1"),
        ("label_probs", {"ant": 1.2, "bee": -0.2}, "of 'bee' is below 0"),
        ("label_probs", ["ant", "bee", "ant"], "number 1 must be a number"),
    ],
)
def test_wrong_distributions_are_refused(tmp_path: Path, column: str, value: Any, message: str) -> None:
    workshop = divided(tmp_path, column)
    rows = [{**row, column: [1, 0, 0]} for row in unlabelled(40)]
    rows[6][column] = value
    rows[9][column] = {"dog": 1}
    del rows[12][column]
    workshop.write("data/rows.jsonl", jsonl(rows))
    problems = "\n".join(workshop.refusal([SOURCE]))
    assert f"rows.jsonl:7: {column}: " in problems
    assert message in problems
    assert f"rows.jsonl:10: {column}: is not a declared label (given 'dog'" in problems
    assert f"rows.jsonl:13: {column}: missing" in problems


def test_a_label_beside_votes_is_not_ignored_in_silence(tmp_path: Path) -> None:
    workshop = divided(tmp_path, "label_votes")
    rows = [
        {**row, "label_votes": [float(at % 3 == place) for place in range(3)]}
        for at, row in enumerate(messages(40))
    ]
    workshop.write("data/rows.jsonl", jsonl(rows))
    assert "'label': the task does not use it" in "\n".join(workshop.refusal([SOURCE]))
    workshop.prepare([{**SOURCE, "other_columns": "ignore"}])
    assert {row["label"] for row in workshop.rows("train")} == {0, 1, 2}
