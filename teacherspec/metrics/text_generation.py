"""Generated text against references: BLEU and chrF by sacrebleu, ROUGE by rouge-score, exact match.

Texts go in as they are, never tokenised or lower-cased: the metric tokenises them, and its signature states
how.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from teacherspec.metrics.scores.intervals import BootstrapDraws, bootstrap
from teacherspec.metrics.scores.validation import FloatArray, IntArray

References = Sequence[Sequence[str]]
"""One or more references for each hypothesis; their number may differ from row to row."""

ROUGE_NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


@dataclass(frozen=True)
class CorpusScore:
    """A corpus score, 0 to 100, and how it was computed.

    Attributes:
        score: of all rows together; not the mean of their scores.
        signature: sacrebleu's, to be quoted with the score.
        statistics: `[N, S]` sufficient statistics of the rows; sums over any rows give their score.
        scorer: sacrebleu's metric, which turns such sums into a score.
    """

    score: float
    signature: str
    statistics: FloatArray
    scorer: Any

    def bootstrap(self, *, n_resamples: int = 1000, seed: int = 0) -> BootstrapDraws:
        """The score on resamples of the rows: sums of rows' statistics, nothing is compared twice.

        Raises:
            ValueError: fewer than two rows.
        """

        def score_of(rows: IntArray) -> float:
            return score_from(self.scorer, self.statistics[rows].sum(axis=0))

        return bootstrap(score_of, len(self.statistics), n_resamples=n_resamples, seed=seed)


def score_from(scorer: Any, sums: FloatArray) -> float:
    """A corpus score from summed sufficient statistics `[S]`."""
    return float(scorer._compute_score_from_stats([int(value) for value in sums]).score)


def bleu(
    hypotheses: Sequence[str],
    references: References,
    *,
    effective_order: bool = False,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> CorpusScore:
    """Corpus BLEU (Papineni et al. 2002) as sacrebleu computes it (Post 2018).

    Without `effective_order` a corpus that has no 4-gram at all scores 0, even where every text is right:
    report chrF or exact match as well.

    Args:
        hypotheses: N texts.
        references: N lists of one or more texts.
        effective_order: leave n-gram orders that are longer than the text out of the mean.
        lowercase: compare without case.
        tokenize: sacrebleu's tokenizer, such as `13a`, `intl`, `zh`, `ja-mecab`; None takes its default.

    Raises:
        ValueError: no rows, lengths differ, or a row has no reference.
    """
    from sacrebleu.metrics import BLEU

    scorer = BLEU(effective_order=effective_order, lowercase=lowercase, tokenize=tokenize)
    return _corpus(scorer, hypotheses, references)


def chrf(hypotheses: Sequence[str], references: References, *, word_order: int = 0) -> CorpusScore:
    """Corpus chrF2 (Popović 2015), of character 6-grams; `word_order` 2 gives chrF++. Raises as `bleu`."""
    from sacrebleu.metrics import CHRF

    return _corpus(CHRF(word_order=word_order), hypotheses, references)


def _corpus(scorer: Any, hypotheses: Sequence[str], references: References) -> CorpusScore:
    _refuse_unequal(hypotheses, references)
    # sacrebleu wants one stream a reference; rows with fewer have None in the further ones.
    streams = [
        [refs[number] if number < len(refs) else None for refs in references]
        for number in range(max(map(len, references)))
    ]
    statistics = np.asarray(scorer._extract_corpus_statistics(list(hypotheses), streams), dtype=np.float64)
    score = score_from(scorer, statistics.sum(axis=0))
    scorer.num_refs = len(streams) if len({len(refs) for refs in references}) == 1 else "var"
    return CorpusScore(score, str(scorer.get_signature()), statistics, scorer)


class WordTokenizer(Protocol):
    """Divides a text into the words that ROUGE compares."""

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`."""


def rouge(
    hypothesis: str, references: Sequence[str], *, tokenizer: WordTokenizer | None = None
) -> dict[str, float]:
    """ROUGE-1, -2, -L and -Lsum F-measures (Lin 2004), 0 to 1, each the best over the references.

    Lsum takes lines for sentences, L the whole text for one; no stemming.

    Args:
        hypothesis: a text.
        references: one or more texts.
        tokenizer: None for rouge-score's own, that of published numbers; it drops all but `[a-z0-9]` (see
            `rouge_lost_share`).

    Raises:
        ValueError: no reference.
    """
    if not references:
        raise ValueError("references: given none; expected at least one")
    scores = _rouge_scorer(tokenizer).score_multi(list(references), hypothesis)
    return {name: float(scores[name].fmeasure) for name in ROUGE_NAMES}


def _rouge_scorer(tokenizer: WordTokenizer | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk, which it imports, uses deprecated names
        from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE_NAMES), use_stemmer=False, tokenizer=tokenizer)


def rouge_lost_share(texts: Sequence[str]) -> float:
    """Share of letters and digits that ROUGE's tokenizer drops: identical Hindi texts score 0."""
    matched = sum(len(re.findall(r"[a-z0-9]", text.lower())) for text in texts)
    total = sum(sum(character.isalnum() for character in text.lower()) for text in texts)
    return 0.0 if total == 0 else 1.0 - matched / total


_FINAL_STOP = re.compile("[.\u3002\uff0e\uff61\u0964\u06d4\u1362\u104b\u17d4]$")
"""Of Latin, Chinese and Japanese (three forms), Indian, Arabic, Ethiopic, Burmese and Khmer script."""


def extract(pattern: str, text: str) -> str | None:
    """The last match of `pattern` in `text`: its first group where it has one; None without a match.

    The last, because answers are worked out before they are given (`#### 42`).
    """
    matches = list(re.finditer(pattern, text))
    if not matches:
        return None
    return (matches[-1].group(1) if matches[-1].re.groups else matches[-1].group()) or ""


def normalised_answer(text: str) -> str:
    """An answer as compared: white space collapsed, and no thousands separators or a final full stop."""
    return _FINAL_STOP.sub("", re.sub(r"(?<=\d),(?=\d{3})", "", " ".join(text.split())))


def exact_match(hypothesis: str, references: Sequence[str], *, pattern: str | None = None) -> bool:
    """Whether the hypothesis is one of the references, or what `pattern` extracts from both is equal.

    A hypothesis from which nothing is extracted is wrong.

    Raises:
        ValueError: the pattern matches in none of the references.
    """
    if pattern is None:
        return normalised_answer(hypothesis) in {normalised_answer(text) for text in references}
    wanted = {
        normalised_answer(found) for text in references if (found := extract(pattern, text)) is not None
    }
    if not wanted:
        raise ValueError(f"pattern: {pattern!r} matches in no reference, such as {references[0]!r}")
    given = extract(pattern, hypothesis)
    return given is not None and normalised_answer(given) in wanted


def repeated_share(tokens: Sequence[int], *, n: int = 4) -> float:
    """Share of n-grams that came before in the same text: 0 for a varied text, near 1 in an endless loop."""
    grams = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    return 0.0 if not grams else 1.0 - len(set(grams)) / len(grams)


def _refuse_unequal(hypotheses: Sequence[str], references: References) -> None:
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            f"hypotheses, references: given {len(hypotheses)} and {len(references)}; "
            "expected at least one, and as many of both"
        )
    bare = [row for row, refs in enumerate(references) if not refs]
    if bare:
        raise ValueError(f"references: row {bare[0]} has none; expected at least one")
