from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.prepare.report.learning_curve import extrapolated
from teacherspec.prepare.report.ngram_baseline import NextWord, corpus
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from tests.unit.prepare.toy_data import Workshop, image_fields, jsonl, messages

SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl"}


def test_a_power_law_is_continued() -> None:
    rows = [100, 200, 400, 800]
    accuracies = [1 - 2 * number**-0.4 for number in rows]
    assert extrapolated(rows, accuracies) == pytest.approx(1 - 2 * 1600**-0.4)


def test_a_curve_that_falls_promises_nothing() -> None:
    assert extrapolated([1, 2, 4, 8], [0.8, 0.8, 0.7, 0.7]) == 0.7
    assert extrapolated([1, 2, 4, 8], [1.0, 1.0, 1.0, 1.0]) == 1.0


def test_the_report_states_what_more_rows_would_bring(workshop: Workshop) -> None:
    draw = np.random.default_rng(0)
    words = {"ant": ["small", "hill", "leaf"], "bee": ["honey", "hive", "wing"]}
    common = [f"word{number}" for number in range(40)]
    rows = []
    for number in range(900):
        label = ("ant", "bee")[number % 2]
        text = [*draw.choice(common, 6), draw.choice(words[label]), str(number)]
        rows.append({"text": " ".join(text), "label": label})
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([SOURCE])
    curve = workshop.metrics()["learning_curve"]
    assert list(curve) == sorted(["eighth", "quarter", "half", "all", "doubled"])
    assert curve["all"] > 0.95
    assert "A simple classifier without a base" in workshop.report()


def test_too_few_rows_give_no_curve(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(90)))
    workshop.prepare([SOURCE])
    assert "learning_curve" not in workshop.metrics()


def test_images_have_a_curve_of_their_own(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path, image_fields())
    workshop.prepare([{"kind": "digits"}])
    curve = workshop.metrics()["learning_curve"]
    assert 0.8 < curve["eighth"] < curve["all"] <= curve["doubled"]
    assert curve["all"] > 0.95
    assert "A simple classifier without a base" in workshop.report()


@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=6),
    st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=1, max_size=3),
)
def test_the_next_word_is_what_most_often_followed_the_longest_known_context(
    train: list[list[str]], held: list[list[str]]
) -> None:
    words = corpus([" ".join(one) for one in (*train, *held)])
    seen = words.text < len(train)
    expected = (
        NextWord().fit(words.contexts[:, seen], words.following[seen]).predict(words.contexts[:, ~seen])
    )
    number = {"": 0} | {
        word: at + 1 for at, word in enumerate(dict.fromkeys(word for one in (*train, *held) for word in one))
    }
    predicted = iter(expected.tolist())
    for one in held:
        for place in range(len(one) + 1):
            before = ["", "", *one][place : place + 2]
            for length in (2, 1, 0):
                followers = Counter(
                    [*other, ""][at]
                    for other in train
                    for at in range(len(other) + 1)
                    if ["", "", *other][at + 2 - length : at + 2] == before[2 - length :]
                )
                if followers:
                    break
            most = max(followers.values())
            commonest = min(number[word] for word, times in followers.items() if times == most)
            assert next(predicted) == commonest


def test_answers_have_a_curve_of_their_own(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rules = (TextColumn("completion"),)
    workshop = Workshop(tmp_path, RowSchema(content=(TextColumn("prompt"),), answers=rules))
    pairs = [f"{a}{b}" for a in "abcdefghijklmnopqrst" for b in "abcdefghij"]
    rows = []
    for _ in range(900):
        chosen = draw.choice(len(pairs), 5).tolist()
        answer = " ".join(f"{pairs[one]} {pairs[one * 7 % 200]}" for one in chosen)
        rows.append({"prompt": " ".join(draw.choice(pairs, 8)), "completion": answer})
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([SOURCE])
    curve = workshop.metrics()["learning_curve"]
    assert curve["eighth"] < curve["half"] < curve["all"] <= curve["doubled"]
    assert curve["all"] > 0.4, "every second word follows from the one before"
    assert "An n-gram model of the next word" in workshop.report()
