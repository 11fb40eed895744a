"""Right answers get the best score in every script, or the metric is left out with a reason."""

# ruff: noqa: E501 - texts as codes, one a line

import pytest

from teacherspec.metrics.text_generation import bleu, chrf, exact_match, rouge
from teacherspec.text.metric_tokenizers import bleu_fit, rouge_fit, rouge_words

SENTENCES = {
    "english": ("the shop opens at nine on every working day", "13a", "latin"),
    "french": ("la boutique ouvre \u00e0 neuf heures tous les jours ouvr\u00e9s", "13a", "latin"),
    "chinese": ("\u5546\u5e97\u6bcf\u5929\u65e9\u4e0a\u4e5d\u70b9\u5f00\u95e8\u3002", "zh", "unicode"),
    "japanese": ("\u5e97\u306f\u6bce\u671d\u4e5d\u6642\u306b\u958b\u304d\u307e\u3059\u3002", "char", "unicode"),
    "thai": ("\u0e23\u0e49\u0e32\u0e19\u0e40\u0e1b\u0e34\u0e14\u0e40\u0e01\u0e49\u0e32\u0e42\u0e21\u0e07", "char", "unicode"),
    "korean": ("\uac00\uac8c\ub294 \ub9e4\uc77c \uc544\uce68 \uc544\ud649 \uc2dc\uc5d0 \ubb38\uc744 \uc5fd\ub2c8\ub2e4", "intl", "unicode"),
    "russian": ("\u043c\u0430\u0433\u0430\u0437\u0438\u043d \u043e\u0442\u043a\u0440\u044b\u0442 \u043a\u0430\u0436\u0434\u044b\u0439 \u0434\u0435\u043d\u044c \u0441 \u0434\u0435\u0432\u044f\u0442\u0438", "intl", "unicode"),
    "hindi": ("\u0926\u0941\u0915\u093e\u0928 \u0939\u0930 \u0926\u093f\u0928 \u0928\u094c \u092c\u091c\u0947 \u0916\u0941\u0932\u0924\u0940 \u0939\u0948", "intl", "unicode"),
    "arabic": ("\u064a\u0641\u062a\u062d \u0627\u0644\u0645\u062a\u062c\u0631 \u0643\u0644 \u064a\u0648\u0645 \u0641\u064a \u0627\u0644\u062a\u0627\u0633\u0639\u0629", "intl", "unicode"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "for_bleu", "for_rouge"), SENTENCES.values(), ids=SENTENCES)
def test_the_tokenizer_follows_the_script_and_right_answers_get_the_best_score(
    text: str, for_bleu: str, for_rouge: str
) -> None:
    references = [[text], [f"{text} 7"]]
    assert bleu_fit("auto", references) == (for_bleu, {})
    assert rouge_fit("auto", references) == (for_rouge, {})
    texts = [one for (one,) in references]
    assert bleu(texts, references, tokenize=for_bleu).score == pytest.approx(100)
    assert chrf(texts, references).score == pytest.approx(100)
    tokenizer = rouge_words(for_rouge)
    assert set(rouge(text, [text], tokenizer=tokenizer).values()) == {1.0}
    half = rouge(text[: len(text) // 2], [text], tokenizer=tokenizer)
    assert 0.3 < half["rouge1"] < 1, "words of a sentence are counted one by one"


@pytest.mark.parametrize("tokenizer", ["13a", "intl", "none"])
@pytest.mark.parametrize("script", ["chinese", "japanese", "thai"])
def test_a_declared_tokenizer_that_takes_sentences_for_words_is_left_out(tokenizer: str, script: str) -> None:
    fit = bleu_fit(tokenizer, [[SENTENCES[script][0]]])  # type: ignore[arg-type]
    assert fit.unfit["bleu"].startswith(
        f"tokenizer {tokenizer} takes whole sentences of this script for words"
    )


def test_rouge_that_drops_the_letters_is_left_out() -> None:
    fit = rouge_fit("latin", [[SENTENCES["hindi"][0]]])
    assert set(fit.unfit) == {"rouge1", "rouge2", "rougeL", "rougeLsum"}
    assert "drops 100% of the letters" in fit.unfit["rouge1"]


def test_metrics_of_words_are_left_out_where_right_answers_could_not_reach_them() -> None:
    short = [["yes"], ["no"], ["yes"]]
    assert "hardly a reference has four words" in bleu_fit("auto", short).unfit["bleu"]
    assert set(rouge_fit("auto", short).unfit) == {"rouge2"}
    assert chrf(["yes", "no", "yes"], short).score == pytest.approx(100)


@pytest.mark.parametrize("stop", [".", "\u3002", "\u0964", "\u06d4"])
def test_a_final_full_stop_of_any_script_decides_no_answer(stop: str) -> None:
    assert exact_match(f"\u662f{stop}", ["\u662f"])
    assert not exact_match(f"\u662f{stop}\u662f", ["\u662f\u662f"])
