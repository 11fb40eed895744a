"""The gain over the untrained base: paired, with the right sign, and a gate that stops a useless teacher."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.gain import gain, gain_findings
from teacherspec.evaluate.run import run_evaluate
from teacherspec.metrics.scores.intervals import mean_interval
from teacherspec.package.quality_gates import evaluate_gates
from teacherspec.predictions.classification import Predictions
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.package import GAIN_GATE, Gate, with_gain_gate
from tests.toys.text import toy_base, toy_prepared
from tests.unit.evaluate.test_run import TASK
from tests.unit.evaluate.toy_runs import training_log

OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 500, "seed": 0}


def drawn_gain(own: float, other: float, rows: int = 400) -> dict[str, float]:
    """Of two classifiers that are wrong on mostly the same rows."""
    hard = np.random.default_rng(0).random(rows)
    differences = (hard < own).astype(np.float64) - (hard < other)
    return gain({"accuracy": differences}, np.ones(rows), **OPTIONS)["accuracy"]


def test_a_gain_is_the_mean_difference_with_the_interval_of_differences() -> None:
    found = drawn_gain(0.90, 0.86)
    assert found["value"] == pytest.approx(0.04, abs=0.02)
    assert 0 < found["low"] < found["value"] < found["high"]
    rights = np.random.default_rng(0).random(400) < 0.9
    alone = mean_interval(rights, n_resamples=500, seed=0)
    assert found["high"] - found["low"] < 0.8 * (alone.high - alone.low), "pairing takes out what rows share"
    swapped = drawn_gain(0.86, 0.90)
    assert swapped["value"] == -found["value"]
    assert drawn_gain(0.9, 0.9) == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_row_counts_by_its_units() -> None:
    """Two rows of one and three tokens: the mean is over tokens."""
    found = gain({"nll": np.array([1.0, 0.0])}, np.array([1, 3]), **OPTIONS)
    assert found["nll"]["value"] == 0.25


@pytest.mark.parametrize(
    ("own", "other", "kind", "says"),
    [
        (0.90, 0.80, "strength", "Better than a probe on test: accuracy +"),
        (0.80, 0.90, "weakness", "Worse than a probe on test: accuracy −"),
        (0.90, 0.8999, "weakness", "gains nothing certain over a probe on test"),
    ],
)
def test_a_gain_is_told_in_a_sentence(own: float, other: float, kind: str, says: str) -> None:
    (finding,) = gain_findings({"gain": {"test": {"accuracy": drawn_gain(own, other)}}}, "a probe")
    assert finding.kind == kind
    assert says in finding.sentence


def gate_on(value: float) -> tuple[bool, ...]:
    declared = (Gate(metric="evaluate.test.accuracy", at_least=0.5),)
    reports = {"evaluate": {"test": {"accuracy": 0.9}, "gain": {"test": {"accuracy": {"value": value}}}}}
    return tuple(result.passed for result in evaluate_gates(with_gain_gate(declared), reports))


def test_every_declaration_has_the_gate_unless_it_limits_the_number_itself() -> None:
    assert gate_on(0.01) == (True, True)
    assert gate_on(-0.01) == (True, False)
    own = Gate(metric=GAIN_GATE.metric, at_least=-0.05)
    assert with_gain_gate((own,)) == (own,)


def test_a_teacher_that_learned_nothing_loses_to_the_probe_of_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import pyarrow.parquet as pq

    from teacherspec.inference.load import load_untrained
    from teacherspec.tasks.shared.hf_saving import save_pretrained
    from teacherspec.tasks.shared.interfaces.model import ModelInit

    (tmp_path / "prepare").mkdir()
    prepared = toy_prepared(tmp_path / "prepare", train=200, other=80)
    base = toy_base(tmp_path / "base")
    model, processor = load_untrained(TASK, base, prepared.label_names, ModelInit())
    save_pretrained(model, processor, training_log(tmp_path / "finetune") / "model")
    section = Evaluate.model_validate_json(json.dumps({"resamples": 200, "latency_examples": 10}))
    out = Path("out")
    paths = Paths(Path("prepare"), Path("finetune"), out / "evaluate", out / "report", out / "times.json")
    run_evaluate(TASK, section, paths, lambda: base)
    metrics = json.loads((out / "report/metrics.json").read_text())
    for split in ("test", "shifted"):
        rights = []
        for folder in ("predictions", "untrained"):
            table = pq.read_table(out / "evaluate" / folder / f"{split}.parquet")
            logits = np.stack(table["logits"].to_numpy())
            stored = Predictions(table["id"].to_pylist(), table["label"].to_numpy(), logits)
            rights.append((stored.logits.argmax(1) == stored.labels).mean())
        gained = metrics["gain"][split]["accuracy"]
        assert gained["value"] == pytest.approx(rights[0] - rights[1], abs=1e-6)
        assert metrics["base"][split]["accuracy"]["value"] == pytest.approx(rights[1], abs=1e-6)
        assert gained["high"] < 0, "random head against a fitted one"
    findings = json.loads((out / "report/findings.json").read_text())
    worse = [one["sentence"] for one in findings if one["subject"] == "gain"]
    assert all("Worse than a linear probe of its untrained base" in one for one in worse)
    assert len(worse) == 2
    (result,) = evaluate_gates((GAIN_GATE,), {"evaluate": metrics})
    assert not result.passed
