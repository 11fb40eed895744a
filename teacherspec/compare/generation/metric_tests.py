"""Paired tests of the metrics of a language model: of supervised tokens and of generated answers."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from teacherspec.compare.cluster_tests import clustered_tests
from teacherspec.compare.generation.pairing import AnswerPair, clusters_of, score_rows
from teacherspec.compare.paired_predictions import SideArtifacts, Sides, positions_of
from teacherspec.compare.paired_tests import Hits, PairedTest, Statistics, mcnemar, resampled
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.metrics.text_generation import CorpusScore, bleu, chrf, score_from
from teacherspec.predictions.generation import TokenPredictions
from teacherspec.spec.generation import Generation
from teacherspec.text.metric_tokenizers import bleu_fit


def token_tests(
    sides: Sides,
    split: str,
    predictions: Sequence[TokenPredictions],
    ids: Sequence[str],
    not_compared: list[str],
) -> Iterator[PairedTest]:
    """Tests of the losses of the reference answers; per token only where both sides have the same tokens.

    Args:
        sides: two teachers.
        split: its name.
        predictions: of the base and of the head revision.
        ids: of the common rows.
        not_compared: gets a sentence where the tokens differ.
    """
    positions = [positions_of(one.ids, ids) for one in predictions]
    cluster = clusters_of(predictions[1], positions[1])
    raw = [score_rows(one, 1.0, at, cluster) for one, at in zip(predictions, positions, strict=True)]
    answers = np.bincount(cluster)
    sums = [np.bincount(one.cluster, weights=one.nll).astype(np.float64) for one in raw]
    before, after = (_mean_of_sums(own, answers) for own in sums)
    for test in resampled([f"evaluate.{split}.nll_per_answer"], before, after, len(answers)):
        yield replace(test, rows=len(ids))
    tokens = [one.tokens[at] for one, at in zip(predictions, positions, strict=True)]
    if not np.array_equal(tokens[0], tokens[1]):
        not_compared.append(
            f"split {split}: the tokenizers of the two sides split answers into different tokens; only the "
            "loss of whole answers can be compared (`nll_per_answer`)"
        )
        return
    calibrated = [
        score_rows(one, side.temperature, at, cluster)
        for one, side, at in zip(predictions, sides.both, positions, strict=True)
    ]
    for test in clustered_tests(split, raw, calibrated, len(answers)):
        yield replace(test, rows=len(ids))


def _mean_of_sums(sums: FloatArray, counts: IntArray) -> Statistics:
    """From positions of clusters to the mean a row, given sums and numbers of rows of each cluster."""

    def number(chosen: IntArray) -> FloatArray:
        return np.array([sums[chosen].sum() / counts[chosen].sum()])

    return number


def answer_tests(
    sides: Sides,
    split: str,
    pairs: Sequence[AnswerPair],
    correct: tuple[Hits, Hits],
    not_compared: list[str],
) -> Iterator[PairedTest]:
    """Tests of whether answers are correct, end before the token limit, and resemble the references.

    Args:
        sides: two teachers.
        split: its name.
        pairs: N answers of both.
        correct: `[N]`, `[N]`, which answers are correct before and after.
        not_compared: gets a sentence where BLEU does not fit the references, or the sides declare different
            tokenizers of it.
    """
    name = f"evaluate.{split}.generated"
    yield mcnemar(f"{name}.exact_match", *correct)
    answers = list(zip(*pairs, strict=True))
    stopped = [np.array([one.stopped for one in side]) for side in answers]
    yield mcnemar(f"{name}.stopped", stopped[0], stopped[1])
    references = [list(one.references) for one, _ in pairs]
    fits = [bleu_fit(_generation(side).bleu_tokenizer, references) for side in sides.both]
    tokenizers = [fit.tokenizer for fit in fits]
    texts = [[one.text.strip() for one in side] for side in answers]
    scorers: dict[str, Callable[[list[str]], CorpusScore]] = {"chrf": lambda own: chrf(own, references)}
    unfit = {reason for fit in fits for reason in fit.unfit.values()}
    if unfit:
        not_compared += [f"{name}.bleu: {reason}" for reason in sorted(unfit)]
    elif tokenizers[0] == tokenizers[1]:
        scorers["bleu"] = lambda own: bleu(own, references, tokenize=tokenizers[0])
    else:
        not_compared.append(
            f"{name}.bleu: {sides.base.name} has `evaluate.generation.bleu_tokenizer: {tokenizers[0]}`, "
            f"{sides.head.name} {tokenizers[1]}"
        )
    before, after = (_corpus_statistics([score(own) for score in scorers.values()]) for own in texts)
    yield from resampled([f"{name}.{score}" for score in scorers], before, after, len(pairs))


def _generation(side: SideArtifacts) -> Generation:
    """`evaluate.generation` of a side. Raises `ValidationError`."""
    return Generation.model_validate_json(json.dumps(side.declared.get("generation") or {}))


def _corpus_statistics(scores: Sequence[CorpusScore]) -> Statistics:
    """From positions of answers to the corpus scores of these answers."""

    def numbers(chosen: IntArray) -> FloatArray:
        return np.array([score_from(one.scorer, one.statistics[chosen].sum(axis=0)) for one in scores])

    return numbers
