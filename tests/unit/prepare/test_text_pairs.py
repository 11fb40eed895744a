"""Rows of two texts: split by the first, compared on both, and refused with all that is wrong at once."""

from typing import Any

import pytest

from teacherspec.tasks.text_pair_classification.task import TextPairClassification
from teacherspec.tasks.text_pair_regression.task import TextPairRegression
from tests.unit.prepare.test_run import ONE_FILE
from tests.unit.prepare.toy_data import Workshop, jsonl

KEEP_ALL = {"near_duplicates": None, "min_rows_per_class": {"train": 1, "test": 0}}
WORDS = ("apples", "bridges", "candles", "dolphins", "engines", "feathers", "glaciers", "hammers")


def pairs(workshop: Workshop, symmetric: bool = False) -> Workshop:
    task = TextPairClassification(
        kind="text_pair_classification",
        texts=("question", "passage"),
        symmetric=symmetric,
        label_names=("no", "yes"),
    )
    workshop.fields = task.row_schema()
    return workshop


def row(question: str, passage: str, label: str = "yes") -> dict[str, Any]:
    return {"question": question, "passage": passage, "label": label}


def many(questions: int, passages: int = 3) -> list[dict[str, Any]]:
    return [
        row(
            f"question {q} about {WORDS[q % 8]}",
            f"passage {p} on {WORDS[p]} and {q}",
            ("no", "yes")[(p + q) % 2],
        )
        for q in range(questions)
        for p in range(passages)
    ]


def test_a_first_text_lies_in_one_split_whatever_its_second(workshop: Workshop) -> None:
    pairs(workshop).write("data/rows.jsonl", jsonl(many(60)))
    workshop.prepare(ONE_FILE, **KEEP_ALL)
    splits = workshop.all_rows()
    assert sum(map(len, splits.values())) == 180
    questions = {name: {one["question"] for one in rows} for name, rows in splits.items()}
    assert all(questions.values())
    assert sum(map(len, questions.values())) == 60
    assert all(len(rows) == 3 * len(questions[name]) for name, rows in splits.items())


def test_of_ready_made_splits_a_shared_first_text_stays_nearest_to_the_report(workshop: Workshop) -> None:
    pairs(workshop).write("data/rows.jsonl", jsonl(many(60)))
    workshop.write("data/test.jsonl", jsonl([row("question 3 about dolphins", "never seen before", "no")]))
    sources = [*ONE_FILE, {"kind": "jsonl", "path": "data/test.jsonl", "split": "test"}]
    workshop.prepare(sources, **KEEP_ALL)
    at = {
        name for name, rows in workshop.all_rows().items() for one in rows if "question 3 " in one["question"]
    }
    assert at == {"test"}


@pytest.mark.parametrize("symmetric", [False, True])
def test_order_makes_other_rows_unless_it_means_nothing(workshop: Workshop, symmetric: bool) -> None:
    rows = many(30, passages=1)
    turned = [row(one["passage"], one["question"], one["label"]) for one in rows[:10]]
    pairs(workshop, symmetric).write("data/rows.jsonl", jsonl([*rows, *turned]))
    workshop.prepare(ONE_FILE, **KEEP_ALL)
    kept = sum(map(len, workshop.all_rows().values()))
    assert kept == (30 if symmetric else 40)


def test_near_duplicates_are_near_in_both_texts(workshop: Workshop) -> None:
    long = "a premise of many words that says what happens, to whom, where, when and why, over and over again"
    rows = [
        row(long, "somebody sleeps", "no"),
        row(long, "nobody is awake", "yes"),
        row(f"{long}!", "somebody sleeps.", "no"),
    ]
    pairs(workshop).write("data/rows.jsonl", jsonl([*many(40), *rows]))
    workshop.prepare(ONE_FILE, min_rows_per_class=KEEP_ALL["min_rows_per_class"])
    report = workshop.report()
    assert "data/rows.jsonl:121" in report
    assert "data/rows.jsonl:123" in report
    assert "data/rows.jsonl:122" not in report


def test_all_that_is_wrong_is_named_at_once_by_line_and_column(workshop: Workshop) -> None:
    bad = [
        row("a question", " "),
        row("", "a passage"),
        {"question": "no passage", "label": "yes"},
        row("a question", "a passage", "yse"),
        row(7, "a passage"),  # type: ignore[arg-type]
    ]
    pairs(workshop).write("data/rows.jsonl", jsonl([*bad, *many(40)]))
    problems = workshop.refusal(ONE_FILE)
    expected = [
        ("rows.jsonl:1", "passage: is blank"),
        ("rows.jsonl:2", "question: is blank"),
        ("rows.jsonl:3", "passage: missing"),
        ("rows.jsonl:4", "did you mean 'yes'?"),
        ("rows.jsonl:5", "question: must be a text (given 7)"),
    ]
    for place, what in expected:
        assert any(place in line and what in line for line in problems), (place, what, problems)


def scored(question: str, score: object) -> dict[str, Any]:
    return {"question": question, "passage": f"a passage for {question}", "score": score}


def test_scores_that_are_none_are_named_at_once(workshop: Workshop) -> None:
    task = TextPairRegression(kind="text_pair_regression", texts=("question", "passage"), range=(0.0, 5.0))
    workshop.fields = task.row_schema()
    bad = ("high", 5.1, -0.1, None, True, "NaN", "inf", [3])
    lines = jsonl(scored(f"bad {number}", value) for number, value in enumerate(bad))
    missing = jsonl([{"question": "no score", "passage": "at all"}])
    good = jsonl(scored(f"question {number} about {WORDS[number % 8]}", number % 6) for number in range(60))
    workshop.write("data/rows.jsonl", lines.replace('"NaN"', "NaN") + missing + good)
    problems = workshop.refusal(ONE_FILE)
    for number, value in enumerate(bad, start=1):
        what = "outside the scale" if value in (5.1, -0.1) else ""
        assert any(f"rows.jsonl:{number}:" in line and what in line for line in problems), (value, problems)
    assert any("rows.jsonl:9" in line and "score: missing" in line for line in problems)
    assert sum("must be a number from 0 to 5" in line for line in problems) >= 4
    workshop.write("data/rows.jsonl", good)
    workshop.prepare(ONE_FILE, **KEEP_ALL)
    stored = [one["score"] for rows in workshop.all_rows().values() for one in rows]
    assert sorted(stored) == sorted(float(number % 6) for number in range(60))
    assert workshop.metrics()["label_details"]["score"]["train"]["largest"] == 5.0


def test_the_same_pair_may_have_several_scores_and_is_then_no_duplicate(workshop: Workshop) -> None:
    task = TextPairRegression(kind="text_pair_regression", texts=("question", "passage"), range=(0.0, 5.0))
    workshop.fields = task.row_schema()
    rows = [scored(f"question {number}", number % 6) for number in range(60)]
    again = [scored("question 0", 0), scored("question 0", 3)]
    workshop.write("data/rows.jsonl", jsonl([*rows, *again]))
    workshop.prepare(ONE_FILE, **KEEP_ALL)
    found = [one for part in workshop.all_rows().values() for one in part if one["question"] == "question 0"]
    assert sorted(one["score"] for one in found) == [0.0, 3.0]
    assert len({one["id"] for one in found}) == 2
