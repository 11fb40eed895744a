"""What a declaration may ask of the metrics of texts is what they support; what does not fit is left out."""

from teacherspec.evaluate.generation.text_metrics import GeneratedText, text_quality
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
