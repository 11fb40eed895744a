"""Which tokenizer BLEU and ROUGE need for the script of the references, and where a metric does not fit them.

Everything is decided from the references alone, so that two models that answer the same prompts are measured
alike.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from teacherspec.metrics.text_generation import (
    ROUGE_NAMES,
    References,
    WordTokenizer,
    bleu,
    rouge,
    rouge_lost_share,
)
from teacherspec.text.words import han_share, latin_share, unspaced_share, words

FOREIGN_LETTERS = 0.1
"""Share of letters and digits that a tokenizer may drop, or take for parts of one long word."""

LEAST_BLEU = 99.0
LEAST_ROUGE = 0.9
"""Scores that right answers must reach, 0 to 100 and 0 to 1."""

RougeTokenizer = Literal["auto", "latin", "unicode"]
BleuTokenizer = Literal["auto", "13a", "intl", "char", "zh", "none"]


class UnicodeWords:
    """Words of any script, in lower case: runs of letters, marks and digits; characters where words are not
    separated by spaces."""

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`."""
        return words(text.lower().replace("_", " "))


class Fit(NamedTuple):
    """How a metric is computed for some references.

    Attributes:
        tokenizer: name of its tokenizer.
        unfit: why its scores would say nothing about the answers, by name of the metric; empty where they
            would.
    """

    tokenizer: str
    unfit: Mapping[str, str]


def bleu_fit(declared: BleuTokenizer, references: References) -> Fit:
    """The tokenizer of BLEU: as declared, or by the script of the references (`auto`).

    `zh` for Chinese and `char` for other scripts without spaces between words; `intl`, which knows the
    punctuation of every script, for other alphabets than the Latin one; `13a` else, as published numbers have
    it.

    Args:
        declared: sacrebleu's tokenizer, or `auto`.
        references: N lists of one or more texts.
    """
    texts = _all(references)
    unspaced = unspaced_share(texts) > FOREIGN_LETTERS
    tokenizer = _bleu_tokenizer(texts, unspaced) if declared == "auto" else declared
    if unspaced and tokenizer not in ("zh", "char"):
        reason = f"tokenizer {tokenizer} takes whole sentences of this script for words; zh or char does not"
        return Fit(tokenizer, {"bleu": reason})
    perfect = bleu([texts_of_row[0] for texts_of_row in references], references, tokenize=tokenizer).score
    if perfect < LEAST_BLEU:
        reason = f"right answers would score {perfect:.1f} of 100: hardly a reference has four words"
        return Fit(tokenizer, {"bleu": reason})
    return Fit(tokenizer, {})


def _bleu_tokenizer(texts: Sequence[str], unspaced: bool) -> str:
    if unspaced:
        return "zh" if unspaced_share(texts) - han_share(texts) < FOREIGN_LETTERS / 2 else "char"
    return "13a" if latin_share(texts) >= 1 - FOREIGN_LETTERS else "intl"


def rouge_fit(declared: RougeTokenizer, references: References) -> Fit:
    """The tokenizer of ROUGE: as declared, or `latin` where it sees the letters of the references (`auto`).

    Args:
        declared: tokenizer of `rouge`, or `auto`.
        references: N lists of one or more texts.
    """
    lost = rouge_lost_share(_all(references))
    by_script = "unicode" if lost > FOREIGN_LETTERS else "latin"
    tokenizer = by_script if declared == "auto" else declared
    if tokenizer == "latin" and lost > FOREIGN_LETTERS:
        reason = f"tokenizer latin drops {lost:.0%} of the letters of the references; unicode does not"
        return Fit(tokenizer, dict.fromkeys(ROUGE_NAMES, reason))
    perfect = [rouge(texts[0], texts, tokenizer=rouge_words(tokenizer)) for texts in references]
    means = {name: float(np.mean([row[name] for row in perfect])) for name in ROUGE_NAMES}
    return Fit(
        tokenizer,
        {
            name: f"right answers would score {mean:.2f} of 1: too few references have enough words"
            for name, mean in means.items()
            if mean < LEAST_ROUGE
        },
    )


def rouge_words(tokenizer: str) -> WordTokenizer | None:
    """The tokenizer that a name stands for, as `rouge` takes it."""
    return UnicodeWords() if tokenizer == "unicode" else None


def _all(references: References) -> list[str]:
    return [text for texts in references for text in texts]
