"""What two dual encoders find for the same images and texts.

What is found depends on what it is looked for among. So both sides look among the rows that both have, and
the candidate sets of both hold the same candidates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from teacherspec.calibrators.candidate_sets import candidate_logits
from teacherspec.compare.cluster_tests import clustered_tests
from teacherspec.compare.flips_and_slices import Flip, Flips, flipped
from teacherspec.compare.paired_predictions import Sides, places_of
from teacherspec.compare.paired_tests import Hits, PairedTest, Statistics, mcnemar, resampled
from teacherspec.compare.prediction_diff import Answered, OfSplit, compare_splits
from teacherspec.evaluate.retrieval.metrics import DIRECTIONS
from teacherspec.metrics.calibration import top_label_confidence
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.proper_scores import nll_per_row
from teacherspec.metrics.retrieval import RECALLED, image_to_text, largest_candidate_set
from teacherspec.metrics.softmax import log_softmax
from teacherspec.metrics.validation import FloatArray, IntArray
from teacherspec.predictions.retrieval import (
    Comparison,
    EmbeddingPredictions,
    load_comparison,
    load_embedding_predictions,
)

SMALLEST_CANDIDATE_SET = 2


@dataclass(frozen=True)
class Queries:
    """What one side's queries of one direction find.

    Attributes:
        rank: `[Q]` of the first right candidate, from 1.
        image: `[Q]` image that each query belongs to, from 0 on without gaps.
    """

    rank: IntArray
    image: IntArray

    @property
    def images(self) -> int:
        """Different ones."""
        return int(self.image.max()) + 1


def compare_retrieval(sides: Sides, missing: list[str]) -> Answered:
    """Tests of recall and of candidate sets; flips and slices by whether an image finds its text first."""
    comparisons = [load_comparison(side.predictions) for side in sides.both]

    def compare(
        split: str, before: EmbeddingPredictions, after: EmbeddingPredictions, ids: list[str]
    ) -> OfSplit | None:
        common = _common(before, after, ids)
        size = min(*(one.candidate_set_size for one in comparisons), largest_candidate_set(common[0].pairs))
        if size < SMALLEST_CANDIDATE_SET:
            return None
        alike = [replace(one, candidate_set_size=size, seed=comparisons[1].seed) for one in comparisons]
        queries = {name: [_queries(one, name) for one in common] for name in DIRECTIONS}
        right = [one.rank == 1 for one in queries[DIRECTIONS[0]]]
        first = right[0], right[1]
        images = np.unique(common[1].image_of, return_index=True)[1]
        return OfSplit(
            tests=[*_recalls(split, queries), *_candidate_sets(sides, split, common, alike)],
            flips=_flips(sides, split, common, comparisons, first),
            judged=([ids[place] for place in images], *first),
        )

    return compare_splits(
        sides, missing, lambda side, split: load_embedding_predictions(side.predictions, split), compare
    )


def _common(
    before: EmbeddingPredictions, after: EmbeddingPredictions, ids: Sequence[str]
) -> list[EmbeddingPredictions]:
    """These rows of both sides, in this order; the other revision says which images and texts are equal."""
    places = [places_of(one.ids, ids) for one in (before, after)]
    image_of, text_of = after.image_of[places[1]], after.text_of[places[1]]
    return [
        EmbeddingPredictions(ids, one.images[at], one.texts[at], image_of, text_of)
        for one, at in zip((before, after), places, strict=True)
    ]


def _recalls(split: str, queries: Mapping[str, Sequence[Queries]]) -> Iterator[PairedTest]:
    """Recall at k both ways: by McNemar's test where every query has its own image, else images resampled."""
    for direction, (before, after) in queries.items():
        names = [f"evaluate.{split}.{direction}.recall_at_{k}" for k in RECALLED]
        if len(before.rank) == before.images:
            for name, k in zip(names, RECALLED, strict=True):
                yield mcnemar(name, before.rank <= k, after.rank <= k)
        elif before.images > 1:
            for test in resampled(names, _shares(before), _shares(after), before.images):
                yield replace(test, rows=len(before.rank))


def _queries(found: EmbeddingPredictions, direction: str) -> Queries:
    asked = found.pairs if direction == DIRECTIONS[0] else found.pairs.swapped()
    _, first = np.unique(asked.image_of, return_index=True)
    _, image = np.unique(found.image_of[first], return_inverse=True)
    return Queries(image_to_text(asked).rank, image.reshape(-1))


def _shares(queries: Queries) -> Statistics:
    """Recall at every k of the queries of some images."""
    counts = np.bincount(queries.image)
    hits = np.stack([np.bincount(queries.image, weights=queries.rank <= k) for k in RECALLED], axis=1)

    def numbers(chosen: IntArray) -> FloatArray:
        found: FloatArray = hits[chosen].sum(axis=0) / counts[chosen].sum()
        return found

    return numbers


def _candidate_sets(
    sides: Sides, split: str, common: Sequence[EmbeddingPredictions], comparisons: Sequence[Comparison]
) -> Iterator[PairedTest]:
    """Candidate sets of both directions, by their image."""
    _, image = np.unique(common[1].image_of, return_inverse=True)
    row = np.tile(image.reshape(-1), len(DIRECTIONS))
    raw, calibrated = [], []
    for found, how, side in zip(common, comparisons, sides.both, strict=True):
        logits, labels = candidate_logits(found, how)
        raw.append(_scores(row, logits, labels))
        calibrated.append(_scores(row, logits / side.temperature, labels))
    yield from clustered_tests(split, raw, calibrated, int(row.max()) + 1)


def _scores(row: IntArray, logits: FloatArray, labels: IntArray) -> ClusteredScores:
    log_probs = log_softmax(logits)
    sure, right = top_label_confidence(np.exp(log_probs), labels)
    return ClusteredScores(row, nll_per_row(log_probs, labels), sure, right.astype(np.int64))


def _flips(
    sides: Sides,
    split: str,
    common: Sequence[EmbeddingPredictions],
    comparisons: Sequence[Comparison],
    first_right: tuple[Hits, Hits],
) -> Flips:
    """Images that find their text first on one side only; how sure, among all texts that both have."""
    ids = common[1].ids
    texts = _texts(sides, split, ids)
    images = np.unique(common[1].image_of, return_index=True)[1]
    gallery = np.unique(common[1].text_of, return_index=True)[1]

    def answer(at: int, place: int) -> tuple[str, float]:
        found, how, side = common[at], comparisons[at], sides.both[at]
        cosines = (found.texts[gallery] @ found.images[images[place]]).astype(np.float64)
        log_probs = log_softmax((how.logit_scale * cosines + how.logit_bias)[None] / side.temperature)[0]
        nearest = int(log_probs.argmax())
        return texts[ids[gallery[nearest]]], float(np.exp(log_probs[nearest]))

    def flip(place: int) -> Flip:
        name = ids[images[place]]
        return Flip(name, "", texts[name], answer(0, place), answer(1, place))

    return flipped(split, *first_right, flip, worded=True)


def _texts(sides: Sides, split: str, ids: Sequence[str]) -> Mapping[str, str]:
    """What the rows say; their ids where they are not at hand."""
    if sides.contents is None:
        return {name: name for name in ids}
    (field,) = sides.contents.task.row_schema().answers
    rows = sides.contents.rows(split, ids)
    return dict(zip(ids, map(str, rows[field.name]), strict=True))
