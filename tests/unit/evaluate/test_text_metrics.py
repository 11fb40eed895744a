"""What a declaration may ask of the metrics of texts is what they support; what does not fit is left out."""

from typing import Any

import numpy as np
import pytest

from teacherspec.evaluate.generation.findings import answers_gained
from teacherspec.evaluate.generation.text_metrics import GeneratedText, text_gain, text_quality
from teacherspec.package.quality_gates import evaluate_gates
from teacherspec.spec.generation import Generation
from teacherspec.spec.package import Gate
from teacherspec.text.metric_tokenizers import BleuTokenizer, RougeTokenizer


def test_the_declared_rouge_tokenizers_are_the_supported_ones() -> None:
    assert Generation.model_fields["rouge_tokenizer"].annotation == RougeTokenizer
    assert Generation.model_fields["bleu_tokenizer"].annotation == BleuTokenizer


def test_a_metric_that_does_not_fit_is_absent_with_its_reason_and_no_gate_passes_on_it() -> None:
    answers = [GeneratedText(text, (text,), (1, 2), stopped=True) for text in ("yes", "no", "yes")]
    found = text_quality(answers, [True] * 3, Generation(), confidence=0.95, resamples=100, seed=0)
    assert found["exact_match"]["value"] == 1.0
    assert {"bleu", "rouge2"}.isdisjoint(found)
    assert found["rouge1"]["value"] == 1.0
    (gate,) = evaluate_gates(
        [Gate(metric="evaluate.test.generated.bleu", at_least=0.0)],
        {"evaluate": {"test": {"generated": found}}},
    )
    assert not gate.passed
    assert "hardly a reference has four words" in gate.reason


RIGHT, WRONG = "the sky is blue", "a dog"
OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 500, "seed": 0}


def answers_of(right: np.ndarray) -> list[GeneratedText]:
    return [GeneratedText(RIGHT if one else WRONG, (RIGHT,), (1, 2), stopped=True) for one in right]


def gained(teacher: np.ndarray, base: np.ndarray) -> dict[str, dict[str, float]]:
    return text_gain(answers_of(teacher), answers_of(base), (list(teacher), list(base)), **OPTIONS)


def test_the_gain_of_answers_is_paired_and_turns_with_its_sides() -> None:
    """Ten of 200 prompts get better: certain, although each side's own interval is twice as wide."""
    hard = np.random.default_rng(0).random(200)
    teacher, base = hard < 0.55, hard < 0.50
    found, swapped = gained(teacher, base), gained(base, teacher)
    exact = found["exact_match"]
    assert exact["value"] == pytest.approx(teacher.mean() - base.mean())
    assert 0 < exact["low"] < exact["high"]
    quality = text_quality(answers_of(teacher), list(teacher), Generation(), **OPTIONS)
    alone = quality["exact_match"]
    assert exact["high"] - exact["low"] < 0.6 * (alone["high"] - alone["low"])
    other = text_quality(answers_of(base), list(base), Generation(), **OPTIONS)
    assert found["chrf"]["value"] == pytest.approx(quality["chrf"]["value"] - other["chrf"]["value"])
    assert found["chrf"]["low"] > 0
    for name in found:
        assert swapped[name]["value"] == pytest.approx(-found[name]["value"])
        assert swapped[name]["high"] < 0


def test_equal_answers_gain_nothing() -> None:
    same = np.arange(50) % 3 == 0
    for interval in gained(same, same).values():
        assert interval == {"value": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize(
    ("exact", "chrf", "kind", "says"),
    [
        ((0.1, 0.05, 0.2), (1.0, 0.5, 2.0), "strength", "Exact match of greedy answers"),
        ((-0.1, -0.2, -0.05), (1.0, 0.5, 2.0), "weakness", "Worse answers: Exact match"),
        ((0.0, -0.1, 0.1), (1.0, 0.5, 2.0), "weakness", "Nothing certain: Exact match"),
        (
            (0.0, 0.0, 0.0),
            (3.0, 1.0, 5.0),
            "strength",
            "chrF of greedy answers over its untrained base: +3.0",
        ),
    ],
)
def test_a_gain_of_answers_is_a_sentence(
    exact: tuple[float, ...], chrf: tuple[float, ...], kind: str, says: str
) -> None:
    """By chrF where no answer of either side matches a reference, as with long answers."""
    ends = ("value", "low", "high")
    given = {"exact_match": dict(zip(ends, exact, strict=True)), "chrf": dict(zip(ends, chrf, strict=True))}
    (finding,) = answers_gained(given)
    assert finding.kind == kind
    assert says in finding.sentence
