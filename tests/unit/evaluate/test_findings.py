"""Findings are written only with the evidence behind them."""

from typing import Any

import numpy as np

from teacherspec.evaluate.classification.analysis import all_slices, compare_shifts
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.findings import all_findings
from teacherspec.evaluate.finding import Finding, p_text
from teacherspec.evaluate.robustness import measure_robustness
from teacherspec.spec.evaluate import Evaluate
from tests.unit.evaluate.toy_runs import drawn, measured


def findings_of(test: EvalTable, **values: Any) -> list[Finding]:
    section = Evaluate()
    given: dict[str, Any] = {
        "slices": all_slices(section, test)[0],
        "robustness": [],
        "shifts": [],
        "gains": [],
        "loss_ratio": 1.1,
        "loss_ratio_out_of_fold": None,
        "confidence": 0.95,
        "false_discovery_rate": 0.05,
    }
    return all_findings(test, **{**given, **values})


def of(findings: list[Finding], subject: str) -> list[Finding]:
    return [finding for finding in findings if finding.subject == subject]


def test_chance_is_no_blind_spot() -> None:
    spots = [one for seed in range(10) for one in findings_of(drawn(200, seed)) if one.kind == "blind_spot"]
    assert len(spots) <= 2


def test_a_weak_class_is_a_blind_spot() -> None:
    labels = [0] * 40 + [1] * 40 + [2] * 40
    predicted = [0] * 40 + [1] * 40 + [0] * 25 + [2] * 15
    findings = findings_of(measured(labels, predicted))
    (spot,) = [one for one in findings if one.kind == "blind_spot"]
    assert spot.sentence.startswith("Weak where `label = wet`: right on 37.5 % (")
    assert "of 40 rows, against 100.0 % elsewhere (adjusted p < 0.0001)." in spot.sentence
    assert spot.numbers["accuracy"]["value"] == 15 / 40
    (confusion,) = of(findings, "confusion")
    assert confusion.sentence == "Takes `wet` for `cold` in 25 of 40 rows."
    kinds = [finding.kind for finding in findings]
    assert kinds == sorted(kinds, key=("strength", "weakness", "blind_spot").index)


def test_low_confidence_is_no_blind_spot() -> None:
    labels = [i % 3 for i in range(120)]
    unsure = np.random.default_rng(0).random(120) < 0.3
    predicted = [(label + 1) % 3 if low else label for label, low in zip(labels, unsure, strict=True)]
    test = measured(labels, predicted, confidence=np.where(unsure, 0.45, 0.97))
    slices = all_slices(Evaluate(), test)[0]
    assert [one.slice.name for one in slices if one.weak] == ["confidence < 0.5"]
    findings = findings_of(test)
    assert not [one for one in findings if one.kind == "blind_spot"]
    (worth,) = of(findings, "confidence")
    assert worth.kind == "strength"
    assert worth.numbers["rows"] == int((~unsure).sum())


def test_confident_mistakes_are_a_weakness() -> None:
    (worth,) = of(findings_of(drawn(200, 0, right=0.7, confidence=0.95)), "confidence")
    assert worth.kind == "weakness"
    assert of(findings_of(drawn(200, 0, right=0.9, confidence=0.95)), "confidence") == [], "neither"
    assert of(findings_of(drawn(200, 0, confidence=0.7)), "confidence") == [], "nothing is that sure"


def test_a_model_that_guesses_is_no_strength() -> None:
    (accuracy,) = of(findings_of(measured([0] * 90 + [1] * 10, [0] * 100)), "accuracy")
    assert accuracy.kind == "weakness"
    (accuracy,) = of(findings_of(drawn(100, 0, right=0.9)), "accuracy")
    assert accuracy.kind == "strength"


def test_perturbations_are_told_by_their_loss() -> None:
    test = drawn(200, 0, right=0.95)
    predicted = test.predicted.tolist()
    spoiled = [(answer + 1) % 3 if i < 40 else answer for i, answer in enumerate(predicted)]
    changed = {
        "storm": (measured(test.labels.tolist(), spoiled).predictions, 200),
        "breeze": (test.predictions, 200),
        "nothing": (test.predictions, 0),
    }
    findings = findings_of(test, robustness=measure_robustness(test.predictions, changed, confidence=0.95))
    found = {one.numbers["perturbation"]: one for one in of(findings, "perturbation")}
    assert found["storm"].kind == "weakness"
    assert "20.0 % of the predictions change, accuracy changes by −" in found["storm"].sentence
    assert found["breeze"].kind == "strength"
    assert "nothing" not in found, "a perturbation without effect on the rows says nothing"


def test_shifts_are_told_by_their_loss() -> None:
    test = drawn(300, 0, right=0.95)
    shifted = {"calls": drawn(200, 1, right=0.6), "mails": drawn(400, 2, right=0.97)}
    findings = of(findings_of(test, shifts=compare_shifts(test, shifted, 0.95)), "shift")
    assert {one.numbers["split"]: one.kind for one in findings} == {"calls": "weakness", "mails": "strength"}
    assert compare_shifts(test, {}, 0.95) == []


def test_memorising_is_told() -> None:
    (memory,) = of(findings_of(drawn(100, 0), loss_ratio=3.0), "loss_ratio")
    assert "3.00 times train loss" in memory.sentence
    assert of(findings_of(drawn(100, 0), loss_ratio=1.2), "loss_ratio") == []


def test_p_values_are_readable() -> None:
    assert [p_text(value) for value in (1.0, 0.01234, 0.00012, 1e-9)] == ["1", "0.012", "0.00012", "< 0.0001"]
