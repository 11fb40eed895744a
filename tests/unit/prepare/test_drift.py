import numpy as np
import pytest

from teacherspec.prepare.report.drift import class_drift, jensen_shannon
from teacherspec.splits import load_prepared
from tests.unit.prepare.test_run import chatter
from tests.unit.prepare.toy_data import Workshop, jsonl


def test_the_ends_of_the_scale() -> None:
    assert jensen_shannon(np.array([3, 0]), np.array([5, 0])) == 0
    assert jensen_shannon(np.array([3, 0]), np.array([0, 5])) == 1
    assert jensen_shannon(np.array([0, 0]), np.array([0, 5])) == 0


def test_random_splits_lie_as_far_apart_as_expected() -> None:
    draw = np.random.default_rng(3)
    shares = draw.dirichlet(np.ones(20))
    train = draw.multinomial(1_000_000, shares)
    found = [class_drift(np.array([train, draw.multinomial(500, shares)])) for _ in range(300)]
    measured = np.mean([one["classes"] for one in found])
    assert measured == pytest.approx(found[0]["classes_by_chance"], rel=0.05)


def test_a_shifted_set_lies_further_away_than_chance(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(chatter(600)))
    other = [{"text": f"zzz {at} yyy {at * 7} xxx", "label": "ant"} for at in range(100)]
    workshop.write("data/other.jsonl", jsonl(other))
    workshop.prepare(
        [
            {"kind": "jsonl", "path": "data/rows.jsonl"},
            {"kind": "jsonl", "path": "data/other.jsonl", "split": "ood", "role": "shifted"},
        ]
    )
    splits = workshop.metrics()["splits"]
    assert splits["ood"]["drift"]["words"] > 1.8 * splits["ood"]["drift"]["words_by_chance"]
    assert splits["test"]["drift"]["words"] < 1.2 * splits["test"]["drift"]["words_by_chance"]
    assert splits["ood"]["drift"]["classes"] == pytest.approx(0.5, abs=0.1)
    assert "| ood |" in workshop.report()


def test_p_values_are_small_for_changed_shares_and_seldom_for_random_splits() -> None:
    draw = np.random.default_rng(5)
    shares = draw.dirichlet(np.full(12, 5.0))
    found = [
        class_drift(np.array([draw.multinomial(9000, shares), draw.multinomial(800, shares)]))
        for _ in range(400)
    ]
    assert np.mean([one["classes_p_value"] < 0.05 for one in found]) == pytest.approx(0.05, abs=0.035)
    changed = class_drift(np.array([[900, 900, 0], [130, 70, 0]]))
    assert changed["classes_p_value"] < 1e-4


def test_the_report_names_the_class_whose_share_differs_most(workshop: Workshop) -> None:
    # With two classes the rarer one of train differs more in standard errors when the split has only it.
    rows = [{**row, "label": "bee" if at % 4 else "ant"} for at, row in enumerate(chatter(400))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.write("data/more.jsonl", jsonl({**row, "label": "ant"} for row in chatter(60, start=7)))
    sources = [
        {"kind": "jsonl", "path": "data/rows.jsonl"},
        {"kind": "jsonl", "path": "data/more.jsonl", "split": "more", "role": "shifted"},
    ]
    workshop.prepare(sources)
    labels = [row["label"] for row in workshop.rows("train")]
    share = labels.count(load_prepared(workshop.out).label_names.index("ant")) / len(labels)
    (line,) = [line for line in workshop.report().splitlines() if line.startswith("| more |") and "%" in line]
    assert line.endswith(f"| `ant`: 100.0% ({share:.1%}) |")
