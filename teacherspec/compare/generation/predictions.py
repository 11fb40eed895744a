"""What two language models make of the same rows: losses of the given answers, and answers of their own."""

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from teacherspec.calibrators.answer_confidence import answer_confidences
from teacherspec.calibrators.token_temperature import score_tokens
from teacherspec.compare.cluster_tests import clustered_tests
from teacherspec.compare.flips_and_slices import Flip, Flips, flipped
from teacherspec.compare.paired_predictions import Evaluated, Sides, places_of
from teacherspec.compare.paired_tests import Hits, PairedTest, Statistics, mcnemar, paired_mean, resampled
from teacherspec.compare.prediction_diff import Answered, OfSplit, compare_splits
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.text_generation import CorpusScore, bleu, chrf, score_from
from teacherspec.metrics.validation import FloatArray, IntArray
from teacherspec.predictions.generation import Answer, TokenPredictions, load_answers, load_token_predictions
from teacherspec.spec.generation import Generation


def compare_language(sides: Sides, missing: list[str]) -> Answered:
    """Paired tests of token losses; flips and slices by whether a model's own answer is right."""

    def compare(split: str, before: TokenPredictions, after: TokenPredictions, ids: list[str]) -> OfSplit:
        tests = list(_token_tests(sides, split, (before, after), ids, missing))
        pairs = _common_answers(sides, split)
        if len(pairs) < 2:
            return OfSplit(tests)
        right = [np.array([one.correct for one in side]) for side in zip(*pairs, strict=True)]
        correct = right[0], right[1]
        tests += _answer_tests(sides, split, pairs, correct, missing)
        return OfSplit(tests, _flips(sides, split, pairs, correct), ([one.id for one, _ in pairs], *correct))

    return compare_splits(
        sides, missing, lambda side, split: load_token_predictions(side.predictions, split), compare
    )


def _token_tests(
    sides: Sides, split: str, found: Sequence[TokenPredictions], ids: Sequence[str], missing: list[str]
) -> Iterator[PairedTest]:
    """Losses of the given answers; those a token only where both sides read them as as many tokens."""
    places = [places_of(one.ids, ids) for one in found]
    raw = [_scores(one, 1.0, at) for one, at in zip(found, places, strict=True)]
    before, after = (np.bincount(one.row, weights=one.nll, minlength=len(ids)) for one in raw)
    yield paired_mean(f"evaluate.{split}.nll_per_answer", before.astype(float), after.astype(float))
    if not np.array_equal(found[0].tokens[places[0]], found[1].tokens[places[1]]):
        missing.append(
            f"split {split}: the two sides cut answers into different tokens, so that only the loss of whole "
            "answers compares (`nll_per_answer`)"
        )
        return
    calibrated = [
        _scores(one, side.temperature, at) for one, side, at in zip(found, sides.both, places, strict=True)
    ]
    yield from clustered_tests(split, raw, calibrated, len(ids))


def _scores(found: TokenPredictions, temperature: float, places: IntArray) -> ClusteredScores:
    """Of the tokens of some rows, which are numbered anew."""
    scored = score_tokens(found, temperature)
    new = np.full(len(found.ids), -1)
    new[places] = np.arange(len(places))
    row = new[scored.row]
    kept = row >= 0
    return ClusteredScores(row[kept], scored.nll[kept], scored.confidences[kept], scored.correct[kept])


def _common_answers(sides: Sides, split: str) -> list[tuple[Answer, Answer]]:
    """What both wrote for the same prompts, where the same may be answered."""
    before, after = ({one.id: one for one in load_answers(side.predictions, split)} for side in sides.both)
    pairs = [(before[name], after[name]) for name in sides.common(list(before), list(after))]
    return [(old, new) for old, new in pairs if (old.prompt, old.references) == (new.prompt, new.references)]


def _answer_tests(
    sides: Sides,
    split: str,
    pairs: Sequence[tuple[Answer, Answer]],
    correct: tuple[Hits, Hits],
    missing: list[str],
) -> Iterator[PairedTest]:
    """Whether answers are right, end by themselves, and resemble the references."""
    name = f"evaluate.{split}.generated"
    yield mcnemar(f"{name}.exact_match", *correct)
    written = list(zip(*pairs, strict=True))
    stopped = [np.array([one.stopped for one in side]) for side in written]
    yield mcnemar(f"{name}.stopped", stopped[0], stopped[1])
    tokenizers = [_generation(side).bleu_tokenizer for side in sides.both]
    references = [list(one.references) for one, _ in pairs]
    texts = [[one.text.strip() for one in side] for side in written]
    scorers: dict[str, Callable[[list[str]], CorpusScore]] = {"chrf": lambda said: chrf(said, references)}
    if tokenizers[0] == tokenizers[1]:
        scorers["bleu"] = lambda said: bleu(said, references, tokenize=tokenizers[0])
    else:
        missing.append(
            f"{name}.bleu: {sides.base.name} declares `evaluate.generation.bleu_tokenizer: {tokenizers[0]}`, "
            f"{sides.head.name} {tokenizers[1]}"
        )
    before, after = (_corpus([score(said) for score in scorers.values()]) for said in texts)
    yield from resampled([f"{name}.{score}" for score in scorers], before, after, len(pairs))


def _generation(side: Evaluated) -> Generation:
    """`evaluate.generation` of a side. Raises `ValidationError`."""
    return Generation.model_validate_json(json.dumps(side.declared.get("generation") or {}))


def _corpus(scores: Sequence[CorpusScore]) -> Statistics:
    """Corpus scores of some of the answers."""

    def numbers(chosen: IntArray) -> FloatArray:
        return np.array([score_from(one.scorer, one.statistics[chosen].sum(axis=0)) for one in scores])

    return numbers


def _flips(
    sides: Sides, split: str, pairs: Sequence[tuple[Answer, Answer]], correct: tuple[Hits, Hits]
) -> Flips:
    sure = [
        answer_confidences(answers, side.temperature, side.calibration_file["answers"])
        for answers, side in zip(zip(*pairs, strict=True), sides.both, strict=True)
    ]

    def flip(place: int) -> Flip:
        before, after = pairs[place]
        said = [(one.text, float(sure[at][place])) for at, one in enumerate((before, after))]
        return Flip(after.id, after.prompt, after.references[0], said[0], said[1])

    return flipped(split, *correct, flip, worded=True)
