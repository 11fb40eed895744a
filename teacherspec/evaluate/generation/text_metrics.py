"""Quality of generated answers against their references, each metric with its interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from teacherspec.errors import DataError
from teacherspec.evaluate.gain import gain
from teacherspec.metrics.scores.intervals import interval_of, mean_interval, wilson_interval
from teacherspec.metrics.text_generation import (
    ROUGE_NAMES,
    CorpusScore,
    bleu,
    chrf,
    exact_match,
    repeated_share,
    rouge,
)
from teacherspec.spec.generation import Generation
from teacherspec.text.metric_tokenizers import Fit, bleu_fit, rouge_fit, rouge_words


@dataclass(frozen=True)
class GeneratedText:
    """One answer to measure.

    Attributes:
        text: of the answer.
        references: right answers.
        ids: its tokens.
        stopped: whether it ended by itself.
    """

    text: str
    references: tuple[str, ...]
    ids: tuple[int, ...]
    stopped: bool


def is_correct(text: str, references: Sequence[str], extract: str | None, row: str) -> bool:
    """Whether an answer is right, see `metrics.text_generation.exact_match`.

    Raises:
        DataError: the pattern matches in none of the references.
    """
    try:
        return exact_match(text, references, pattern=extract)
    except ValueError as error:
        raise DataError(
            f"evaluate.generation.extract: row {row}: {error}; correct the pattern or the row"
        ) from error


def text_quality(
    answers: Sequence[GeneratedText],
    correct: Sequence[bool],
    generation: Generation,
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Metrics of answers.

    Args:
        answers: N, at least two.
        correct: `[N]`, of `is_correct`.
        generation: the declared metrics.
        confidence: level of the intervals.
        resamples: bootstrap resamples.
        seed: of the resamples.

    Returns:
        `rows`; `bleu` and `chrf` (0 to 100) with `signature`; `rouge1`, `rouge2`, `rougeL`, `rougeLsum` (0 to
        1) and `rouge_tokenizer`; `not_measured`, why some of these do not fit the references; `exact_match`;
        `stopped`, the share of answers that end by themselves; `tokens`, mean length; `length_ratio`,
        characters over those of the nearest reference; `repetition`, mean share of repeated 4-grams; `empty`,
        share of empty answers.
    """
    texts = [one.text for one in answers]
    references = [one.references for one in answers]

    def scored(score: CorpusScore) -> dict[str, Any]:
        draws = score.bootstrap(n_resamples=resamples, seed=seed)
        interval = interval_of(float(draws.observed), draws.resampled, confidence=confidence)
        return {**asdict(interval), "signature": score.signature}

    def mean(values: Sequence[float]) -> dict[str, float]:
        found = mean_interval(values, n_resamples=resamples, seed=seed, confidence=confidence)
        return asdict(found)

    def share(flags: Sequence[bool]) -> dict[str, float]:
        return asdict(wilson_interval(sum(flags), len(flags), confidence=confidence))

    bleu_as, rouge_as = (
        bleu_fit(generation.bleu_tokenizer, references),
        rouge_fit(generation.rouge_tokenizer, references),
    )
    unfit = {**bleu_as.unfit, **rouge_as.unfit}
    return {
        "rows": len(answers),
        **({} if bleu_as.unfit else {"bleu": scored(bleu(texts, references, tokenize=bleu_as.tokenizer))}),
        "chrf": scored(chrf(texts, references)),
        **{name: mean(values) for name, values in _rouges(texts, references, rouge_as).items()},
        **({} if len(rouge_as.unfit) == len(ROUGE_NAMES) else {"rouge_tokenizer": rouge_as.tokenizer}),
        **({"not_measured": unfit} if unfit else {}),
        "exact_match": share(correct),
        "stopped": share([one.stopped for one in answers]),
        "empty": share([not one.text.strip() for one in answers]),
        "tokens": mean([len(one.ids) for one in answers]),
        "length_ratio": mean([_length_ratio(one) for one in answers]),
        "repetition": mean([repeated_share(one.ids) for one in answers]),
    }


def text_gain(
    teacher: Sequence[GeneratedText],
    base: Sequence[GeneratedText],
    correct: tuple[Sequence[bool], Sequence[bool]],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Gain of the teacher's answers over those of its untrained base to the same prompts, paired.

    Args:
        teacher: N answers.
        base: those of the base, in the same order.
        correct: `[N]` each, of `is_correct`: of the teacher and of the base.
        confidence: level of the intervals.
        resamples: bootstrap resamples of prompts.
        seed: of the resamples.

    Returns:
        `exact_match` (a share; of what `evaluate.generation.extract` extracts, where it is declared) and
        `chrf` (points of 100), positive where the teacher is better.
    """
    own, other = (np.asarray(flags, dtype=np.float64) for flags in correct)
    matched = gain(
        {"exact_match": own - other},
        np.ones(len(own)),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    ours, theirs = (
        chrf([one.text for one in answers], [one.references for one in answers]).bootstrap(
            n_resamples=resamples,
            seed=seed,  # of the same prompts on both sides
        )
        for answers in (teacher, base)
    )
    change = interval_of(
        float(ours.observed - theirs.observed), ours.resampled - theirs.resampled, confidence=confidence
    )
    return {**matched, "chrf": asdict(change)}


def _rouges(texts: Sequence[str], references: Sequence[Sequence[str]], fit: Fit) -> dict[str, list[float]]:
    """ROUGE of each row by name; none that does not fit the references."""
    names = [name for name in ROUGE_NAMES if name not in fit.unfit]
    tokenizer = rouge_words(fit.tokenizer)
    pairs = zip(texts, references, strict=True)
    rows = [rouge(text, refs, tokenizer=tokenizer) for text, refs in pairs] if names else []
    return {name: [row[name] for row in rows] for name in names}


def _length_ratio(one: GeneratedText) -> float:
    nearest = min((len(text) for text in one.references), key=lambda size: abs(size - len(one.text)))
    return float(np.float64(len(one.text)) / max(1, nearest))
