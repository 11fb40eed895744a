"""Compare two dual encoders on the same images and texts.

The rank of a right candidate depends on the other candidates. So both sides search among the rows that both
have, and the candidate sets of both hold the same candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from teacherspec.compare.flips_and_slices import Flip, Flips, flipped
from teacherspec.compare.paired_predictions import Sides
from teacherspec.compare.paired_tests import Hits
from teacherspec.compare.prediction_diff import PredictionDiff, SplitDiff, compare_splits
from teacherspec.compare.retrieval.metric_tests import candidate_set_tests, recall_tests
from teacherspec.compare.retrieval.pairing import common_rows, run_queries
from teacherspec.metric_names.retrieval import DIRECTIONS
from teacherspec.metrics.scores.retrieval import SMALLEST_CANDIDATE_SET, largest_candidate_set
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.predictions.retrieval import (
    Comparison,
    EmbeddingPredictions,
    load_comparison,
    load_embedding_predictions,
)


def compare_predictions(sides: Sides, not_compared: list[str]) -> PredictionDiff:
    """Tests of recall and of candidate sets; flips and slices by whether an image ranks its text first.

    Args:
        sides: whose predictions are embeddings of images and texts.
        not_compared: gets a sentence for everything that cannot be compared.
    """
    comparisons = [load_comparison(side.predictions) for side in sides.both]

    def compare(
        split: str, before: EmbeddingPredictions, after: EmbeddingPredictions, ids: list[str]
    ) -> SplitDiff | None:
        rows = common_rows(before, after, ids)
        size = min(*(one.candidate_set_size for one in comparisons), largest_candidate_set(rows[0].pairs))
        if size < SMALLEST_CANDIDATE_SET:
            return None
        same_sets = [replace(one, candidate_set_size=size, seed=comparisons[1].seed) for one in comparisons]
        queries = {direction: [run_queries(one, direction) for one in rows] for direction in DIRECTIONS}
        ranked_first = [one.rank == 1 for one in queries[DIRECTIONS[0]]]
        hits = ranked_first[0], ranked_first[1]
        images = np.unique(rows[1].image_of, return_index=True)[1]
        return SplitDiff(
            tests=[*recall_tests(split, queries), *candidate_set_tests(sides, split, rows, same_sets)],
            flips=_flips(sides, split, rows, comparisons, hits),
            hits=([ids[row] for row in images], *hits),
        )

    return compare_splits(
        sides, not_compared, lambda side, split: load_embedding_predictions(side.predictions, split), compare
    )


def _flips(
    sides: Sides,
    split: str,
    rows: Sequence[EmbeddingPredictions],
    comparisons: Sequence[Comparison],
    hits: tuple[Hits, Hits],
) -> Flips:
    """Images that rank their text first on one side only; confidence is among all texts that both have."""
    ids = rows[1].ids
    texts = _texts(sides, split, ids)
    images = np.unique(rows[1].image_of, return_index=True)[1]
    gallery = np.unique(rows[1].text_of, return_index=True)[1]

    def nearest_text(at: int, image: int) -> tuple[str, float]:
        predictions, comparison, side = rows[at], comparisons[at], sides.both[at]
        cosines = (predictions.texts[gallery] @ predictions.images[images[image]]).astype(np.float64)
        logits = comparison.logit_scale * cosines + comparison.logit_bias
        log_probs = log_softmax(logits[None] / side.temperature)[0]
        nearest = int(log_probs.argmax())
        return texts[ids[gallery[nearest]]], float(np.exp(log_probs[nearest]))

    def flip(image: int) -> Flip:
        name = ids[images[image]]
        return Flip(name, "", texts[name], nearest_text(0, image), nearest_text(1, image))

    return flipped(split, *hits, flip, free_text=True)


def _texts(sides: Sides, split: str, ids: Sequence[str]) -> Mapping[str, str]:
    """The texts of the rows; their ids where the rows are not available."""
    if sides.prepared is None:
        return {name: name for name in ids}
    (column,) = sides.prepared.task.row_schema().answers
    rows = sides.prepared.rows(split, ids)
    return dict(zip(ids, map(str, rows[column.name]), strict=True))
