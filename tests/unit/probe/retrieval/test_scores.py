"""Recall and NLL by image against a plain count and against what `evaluate` reports."""

import numpy as np
import pytest

from teacherspec.metrics.scores.retrieval import RECALLED, Paired, image_to_text
from teacherspec.probe.retrieval.scores import Gallery, pair_scores, ranks_and_nlls


def pairs(seed: int, rows: int = 60) -> Paired:
    """Pairs in which images and texts repeat."""
    draw = np.random.default_rng(seed)
    image_of, text_of = draw.integers(25, size=rows), draw.integers(30, size=rows)
    images, texts = (draw.normal(size=(number, 4)).astype(np.float32) for number in (25, 30))
    images, texts = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (images, texts))
    return Paired(images[image_of], texts[text_of], image_of, text_of)


@pytest.mark.parametrize("seed", range(3))
def test_recall_is_that_of_evaluate_in_both_directions(seed: int) -> None:
    found = pairs(seed)
    gallery = Gallery.of(found.image_of, found.text_of)
    scores = pair_scores(
        found.images[None, gallery.images], found.texts[None, gallery.texts], np.ones(1, np.float32), gallery
    )
    by_k = {1: scores.score, **{k: scores.further[f"recall_at_{k}"] for k in RECALLED[1:]}}
    both = [image_to_text(found), image_to_text(found.swapped())]
    for k, values in by_k.items():
        assert values.mean() == pytest.approx(np.mean([one.recall(k) for one in both]), abs=1e-6)


def test_rank_and_nll_are_those_of_a_plain_loop() -> None:
    found, scale = pairs(5), 7.0
    gallery = Gallery.of(found.image_of, found.text_of)
    images, texts = found.images[gallery.images], found.texts[gallery.texts]
    ranks, nlls = ranks_and_nlls(images, texts, gallery.right, scale)
    for query, image in enumerate(gallery.images):
        right = {
            place
            for place, text in enumerate(gallery.texts)
            if any(
                found.image_of[row] == found.image_of[image] and found.text_of[row] == found.text_of[text]
                for row in range(len(found.images))
            )
        }
        near = [float(images[query] @ text) for text in texts]
        order = sorted(range(len(texts)), key=lambda at, near=near: -near[at])
        assert ranks[query] == 1 + min(order.index(at) for at in right)
        odds = np.exp(scale * np.array(near))
        assert nlls[query] == pytest.approx(-np.log(odds[sorted(right)].sum() / odds.sum()), rel=1e-4)


def test_constant_embeddings_find_nothing() -> None:
    found = pairs(1)
    gallery = Gallery.of(found.image_of, found.text_of)
    images, texts = (
        np.full((1, len(one), 2), 0.5**0.5, np.float32) for one in (gallery.images, gallery.texts)
    )
    assert pair_scores(images, texts, np.ones(1, np.float32), gallery).score.max() == 0
