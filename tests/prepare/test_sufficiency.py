from pathlib import Path

import numpy as np
import pytest

from teacherspec.prepare.sufficiency import continued
from tests.prepare.workshop import Workshop, image_fields, jsonl, messages

SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl"}


def test_a_power_law_is_continued() -> None:
    rows = [100, 200, 400, 800]
    accuracies = [1 - 2 * number**-0.4 for number in rows]
    assert continued(rows, accuracies) == pytest.approx(1 - 2 * 1600**-0.4)


def test_a_curve_that_falls_promises_nothing() -> None:
    assert continued([1, 2, 4, 8], [0.8, 0.8, 0.7, 0.7]) == 0.7
    assert continued([1, 2, 4, 8], [1.0, 1.0, 1.0, 1.0]) == 1.0


def test_the_report_says_what_more_rows_would_bring(workshop: Workshop) -> None:
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
    assert "A plain model without a base" in workshop.report()


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
    assert "A plain model without a base" in workshop.report()
