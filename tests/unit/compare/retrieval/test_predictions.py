"""Comparison of two dual encoders, against ranks counted one by one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax
from scipy.stats import binomtest

from teacherspec.compare.paired_predictions import SideArtifacts, Sides
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.compare.retrieval.predictions import compare_predictions
from teacherspec.evaluate.retrieval.metrics import retrieval_quality
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.retrieval import (
    OUTPUT_TYPE,
    Comparison,
    EmbeddingPredictions,
    save_comparison,
    save_embedding_predictions,
)
from teacherspec.runtime.atomic_io import write_json

ROWS, WIDTH = 40, 6
TEMPERATURES, SCALES = (2.0, 0.5), (8.0, 12.0)
NAMES = [f"r{ROWS - row:02}" for row in range(ROWS)]
"""Ids, not in the order of the alphabet."""

Numbers = npt.NDArray[np.int64]


def unit(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def pairs(noise: float, seed: int, image_of: Numbers, text_of: Numbers) -> EmbeddingPredictions:
    """Texts near their images, at a distance set by `noise`; equal numbers have equal embeddings."""
    drawn = np.random.default_rng(seed)
    images = drawn.normal(size=(ROWS, WIDTH))[image_of]
    moved = noise * drawn.normal(size=(ROWS, WIDTH))[text_of]
    texts = np.empty_like(images)
    for number in np.unique(text_of):
        texts[text_of == number] = (images + moved)[text_of == number][0]
    return EmbeddingPredictions(NAMES, unit(images), unit(texts), image_of, text_of)


def written(folder: Path, found: EmbeddingPredictions, side: int, candidate_set_size: int) -> SideArtifacts:
    (folder / "predictions").mkdir(parents=True)
    save_embedding_predictions(folder, "test", found)
    save_comparison(folder, Comparison(SCALES[side], 0.0, candidate_set_size, seed=3))
    save_index(folder, PredictionIndex((), {"test": "test"}, {"test": len(found.ids)}, OUTPUT_TYPE))
    calibrator = {"kind": "temperature", "temperature": TEMPERATURES[side]}
    write_json(folder / "calibration.json", {"calibrator": calibrator})
    return SideArtifacts(folder.name, folder, folder / "calibration.json", {})


def compared(
    folder: Path,
    before: EmbeddingPredictions,
    after: EmbeddingPredictions,
    edited: frozenset[str] = frozenset(),
    candidate_set_size: int = 5,
) -> tuple[PredictionDiff, list[str]]:
    sides = [
        written(folder / name, one, at, candidate_set_size)
        for at, (name, one) in enumerate((("a", before), ("b", after)))
    ]
    not_compared: list[str] = []
    return compare_predictions(Sides(sides[0], sides[1], edited, None), not_compared), not_compared


def by_metric(found: PredictionDiff) -> Mapping[str, PairedTest]:
    return {test.metric: test for test in found.tests}


def hits(found: EmbeddingPredictions, rows: list[int], k: int, *, texts_query: bool) -> dict[int, bool]:
    """Query number → whether a right candidate is among the `k` nearest; ties are lost."""
    queries, candidates = (found.texts, found.images) if texts_query else (found.images, found.texts)
    query_of, candidate_of = (
        (found.text_of, found.image_of) if texts_query else (found.image_of, found.text_of)
    )
    hit = {}
    for query in {int(query_of[row]) for row in rows}:
        own = [row for row in rows if query_of[row] == query]
        right = {int(candidate_of[row]) for row in own}
        near = {int(candidate_of[row]): float(candidates[row] @ queries[own[0]]) for row in rows}
        best = max(near[number] for number in right)
        hit[query] = sum(near[number] >= best for number in near.keys() - right) < k
    return hit


ONE_EACH = np.arange(ROWS)
SEVERAL = np.arange(ROWS) // 2
SHARED = np.where(np.arange(ROWS) == 3, 17, np.arange(ROWS))


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize(("image_of", "text_of"), [(ONE_EACH, ONE_EACH), (SEVERAL, SHARED)])
def test_recall_is_counted_among_the_rows_that_both_have(
    tmp_path: Path, k: int, image_of: Numbers, text_of: Numbers
) -> None:
    before, after = pairs(2.0, 1, image_of, text_of), pairs(0.4, 2, image_of[::-1].max() - image_of, text_of)
    edited = frozenset({NAMES[5], NAMES[30]})
    found, not_compared = compared(tmp_path, before, after, edited)
    assert not not_compared
    assert found.left_out == {"test": 2}
    rows = [row for row in range(ROWS) if row not in (5, 30)]
    for direction, texts_query in (("image_to_text", False), ("text_to_image", True)):
        test = by_metric(found)[f"evaluate.test.{direction}.recall_at_{k}"]
        for at, side in enumerate((before, after)):
            counted = np.mean(list(hits(side, rows, k, texts_query=texts_query).values()))
            assert (test.before, test.after)[at] == pytest.approx(counted)
        assert ("McNemar" in test.method) is (text_of is ONE_EACH or not texts_query)


def test_images_with_one_text_each_are_compared_by_an_exact_test(tmp_path: Path) -> None:
    before, after = pairs(1.2, 1, ONE_EACH, ONE_EACH), pairs(0.4, 2, ONE_EACH, ONE_EACH)
    found, _ = compared(tmp_path, before, after)
    rows = list(range(ROWS))
    was, now = (hits(side, rows, 1, texts_query=False) for side in (before, after))
    won = [row for row in rows if now[row] and not was[row]]
    lost = [row for row in rows if was[row] and not now[row]]
    test = by_metric(found)["evaluate.test.image_to_text.recall_at_1"]
    assert test.p_value == pytest.approx(binomtest(len(won), len(won) + len(lost)).pvalue)
    (flips,) = found.flips
    assert sorted(flip.id for flip in flips.wrong_to_right) == sorted(NAMES[row] for row in won)
    assert won
    flip = flips.wrong_to_right[0]
    row = NAMES.index(flip.id)
    logits = SCALES[1] * (after.texts @ after.images[row]).astype(np.float64) / TEMPERATURES[1]
    assert flip.after == (flip.id, pytest.approx(np.exp(log_softmax(logits)).max(), rel=1e-5))
    assert flips.free_text


def test_losses_are_those_of_all_candidates_where_a_line_up_holds_all(tmp_path: Path) -> None:
    before, after = pairs(1.2, 1, ONE_EACH, ONE_EACH), pairs(0.4, 2, ONE_EACH, ONE_EACH)
    tests = by_metric(compared(tmp_path, before, after, candidate_set_size=ROWS)[0])
    for metric, temperatures in (
        ("evaluate.test.nll", (1.0, 1.0)),
        ("calibrate.test.nll.after", TEMPERATURES),
    ):
        for at, side in enumerate((before, after)):
            logits = SCALES[at] * (side.images @ side.texts.T).astype(np.float64) / temperatures[at]
            losses = [-np.diag(log_softmax(table, axis=1)).mean() for table in (logits, logits.T)]
            test = tests[metric]
            assert (test.before, test.after)[at] == pytest.approx(np.mean(losses), rel=1e-5)
    assert tests["evaluate.test.nll"].differs


def test_every_tested_metric_is_one_that_is_reported(tmp_path: Path) -> None:
    found, _ = compared(tmp_path, pairs(1.2, 1, ONE_EACH, ONE_EACH), pairs(0.4, 2, ONE_EACH, ONE_EACH))
    assert by_metric(found).keys() <= reported_names("retrieval", {"test": "test"}).all


def test_a_model_against_itself_differs_in_nothing(tmp_path: Path) -> None:
    one = pairs(0.8, 1, SEVERAL, SHARED)
    sides = [written(tmp_path / name, one, 0, 5) for name in ("a", "b")]
    found = compare_predictions(Sides(sides[0], sides[1], frozenset(), None), [])
    assert not found.tests
    assert len(found.unchanged) > 5


def test_on_all_rows_the_metrics_are_those_of_the_report(tmp_path: Path) -> None:
    """Candidate sets too: they are drawn by the order of the rows, which pairing must not change."""
    sides = pairs(1.2, 1, SEVERAL, SHARED), pairs(0.4, 2, SEVERAL, SHARED)
    tests = by_metric(compared(tmp_path, *sides)[0])
    for at, side in enumerate(sides):
        how = Comparison(SCALES[at], 0.0, 5, seed=3)
        report = retrieval_quality(side, how, confidence=0.95, resamples=10, seed=0)
        reported = {
            "accuracy": report["accuracy"]["value"],
            "nll": report["nll"]["value"],
            "ece": report["ece"],
            "text_to_image.recall_at_5": report["text_to_image"]["recall_at_5"]["value"],
            "image_to_text.recall_at_5": report["image_to_text"]["recall_at_5"]["value"],
        }
        for name, value in reported.items():
            test = tests[f"evaluate.test.{name}"]
            assert (test.before, test.after)[at] == pytest.approx(value), name


def test_too_few_rows_for_a_search_are_reported(tmp_path: Path) -> None:
    one = pairs(0.8, 1, ONE_EACH, ONE_EACH)
    found, not_compared = compared(tmp_path, one, one, edited=frozenset(one.ids[1:]))
    assert not found.tests
    assert "too few rows" in " ".join(not_compared)
