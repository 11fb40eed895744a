"""The embeddings of two dual encoders for the same images and texts, and the ranks of their queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from teacherspec.compare.paired_predictions import positions_of
from teacherspec.metric_names.retrieval import DIRECTIONS
from teacherspec.metrics.scores.retrieval import image_to_text
from teacherspec.metrics.scores.validation import IntArray
from teacherspec.predictions.retrieval import EmbeddingPredictions


@dataclass(frozen=True)
class Queries:
    """The results of one side's queries in one direction.

    Attributes:
        rank: `[Q]` of the first right candidate, from 1.
        image: `[Q]` image that each query belongs to, from 0 on without gaps.
    """

    rank: IntArray
    image: IntArray

    @property
    def images(self) -> int:
        """Number of different images."""
        return int(self.image.max()) + 1


def common_rows(
    before: EmbeddingPredictions, after: EmbeddingPredictions, ids: Sequence[str]
) -> list[EmbeddingPredictions]:
    """The given rows of both sides, in the given order.

    Which images and which texts are equal is taken from `after`.
    """
    positions = [positions_of(one.ids, ids) for one in (before, after)]
    image_of, text_of = after.image_of[positions[1]], after.text_of[positions[1]]
    return [
        EmbeddingPredictions(ids, one.images[at], one.texts[at], image_of, text_of)
        for one, at in zip((before, after), positions, strict=True)
    ]


def run_queries(predictions: EmbeddingPredictions, direction: str) -> Queries:
    """The ranks of all queries in one of `DIRECTIONS`."""
    pairs = predictions.pairs if direction == DIRECTIONS[0] else predictions.pairs.swapped()
    _, first = np.unique(pairs.image_of, return_index=True)
    _, image = np.unique(predictions.image_of[first], return_inverse=True)
    return Queries(image_to_text(pairs).rank, image.reshape(-1))
