"""Calibration of tokens from what is kept of them, against the logits themselves."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from teacherspec.calibrate.generation.calibrate import check_splits, fit_tokens
from teacherspec.calibrate.generation.report import compare_answers, compare_tokens
from teacherspec.calibrators.answer_confidence import fit_answer_curve
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.calibrators.token_temperature import log_sum_exp, score_tokens
from teacherspec.errors import DataError
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.predictions.generation import (
    Answer,
    TokenPredictions,
    load_answers,
    load_token_predictions,
    save_answers,
    save_token_predictions,
)
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.spec.calibrate import Calibrate
from teacherspec.text.logit_moments import token_sums

SECTION = Calibrate(resamples=100)


def planted(rows: int, vocabulary: int, temperature: float, repeats: int = 1):
    """Logits, labels drawn at a temperature, and what is kept of them; each token `repeats` times."""
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(1, 30, (rows,), generator=generator)
    logits = 3 * torch.randn(int(lengths.sum()), vocabulary, generator=generator)
    labels = torch.multinomial((logits / temperature).softmax(1), 1, generator=generator).squeeze(1)
    logits, labels = logits.repeat_interleave(repeats, 0), labels.repeat_interleave(repeats)
    found = token_sums(logits, labels, torch.from_numpy(np.asarray(GRID)))
    kept = TokenPredictions(
        [f"r{row}" for row in range(rows)],
        lengths.numpy() * repeats,
        *(part.numpy() for part in found[:4]),
        betas=GRID,
        sums=found.sums.numpy(),
    )
    return logits.numpy(), labels.numpy(), kept


@pytest.mark.parametrize("temperature", [0.45, 1.0, 1.7, 3.0])
def test_temperature_and_scores_are_those_of_the_logits(temperature):
    logits, labels, kept = planted(300, 200, temperature)
    dense = fit_temperature(logits, labels)
    fitted = fit_tokens(SECTION, kept).temperature
    assert fitted.temperature == pytest.approx(dense.temperature, rel=1e-4)
    assert fitted.standard_error == pytest.approx(
        dense.standard_error, rel=0.2
    )  # tokens are independent here
    scored = score_tokens(kept, fitted.temperature)
    log_probs = log_softmax(logits / fitted.temperature)
    np.testing.assert_allclose(scored.nll, -log_probs[np.arange(len(labels)), labels], atol=1e-4)
    np.testing.assert_allclose(scored.confidences, np.exp(log_probs.max(axis=1)), atol=1e-4)
    assert (scored.correct == (logits.argmax(1) == labels)).all()


def test_dependent_tokens_are_less_evidence():
    """Four copies of each token in a row are no new evidence: the error of T stays, a naive one halves."""
    alone = fit_tokens(SECTION, planted(300, 50, 1.5)[2]).temperature
    copies = fit_tokens(SECTION, planted(300, 50, 1.5, repeats=4)[2]).temperature
    assert copies.temperature == pytest.approx(alone.temperature, rel=1e-6)
    assert copies.standard_error == pytest.approx(alone.standard_error, rel=1e-6)


def test_more_answers_to_the_same_prompts_are_no_more_evidence():
    """The same rows three times, as answers to the same prompts: no interval is narrower."""
    _, _, once = planted(60, 50, 1.5)
    at = np.tile(np.arange(60), 3)
    of_row = np.split(np.arange(len(once.hit)), np.cumsum(once.tokens)[:-1])
    tokens = np.concatenate([of_row[row] for row in at])
    columns = {name: getattr(once, name)[tokens] for name in ("label_logit", "hit", "lse", "mean")}
    ids = [f"r{place}" for place in range(180)]
    thrice = replace(once, ids=ids, tokens=once.tokens[at], **columns, sums=3 * once.sums, prompt=at)
    as_rows = replace(thrice, prompt=np.arange(180))

    def found(kept):
        fitted = fit_tokens(SECTION, kept).temperature
        compared = compare_tokens(len(kept.ids), score_tokens(kept, 1.0), score_tokens(kept, 1.5), SECTION)
        widths = [
            compared[name]["change"]["high"] - compared[name]["change"]["low"] for name in ("nll", "ece")
        ]
        return np.array([fitted.standard_error, *widths])

    np.testing.assert_allclose(found(thrice), found(once), rtol=1e-5)
    assert (found(as_rows) < 0.75 * found(once)).all(), "independent rows would narrow them by the root of 3"


def test_between_the_grid_points_nothing_is_lost():
    logits, _, kept = planted(60, 500, 1.0)
    z = logits - logits.max(axis=1, keepdims=True)
    for beta in (0.26, 0.9, 1.1, 1.93, 3.9):
        exact = np.log(np.exp(beta * z.astype(np.float64)).sum(axis=1))
        np.testing.assert_allclose(log_sum_exp(kept, beta), exact, atol=1e-4)
    with pytest.raises(ValueError, match="beta"):
        log_sum_exp(kept, 5.0)


def test_measures_before_and_after():
    logits, labels, kept = planted(200, 80, 2.0)
    fitted = fit_tokens(SECTION, kept).temperature.temperature
    found = compare_tokens(200, score_tokens(kept, 1.0), score_tokens(kept, fitted), SECTION)
    probs = np.exp(log_softmax(logits))
    ece = expected_calibration_error(probs.max(axis=1).clip(max=1.0), logits.argmax(1) == labels)
    assert found["ece"]["before"]["value"] == pytest.approx(ece, abs=1e-5)
    assert found["ece"]["after"]["value"] < found["ece"]["before"]["value"]
    assert found["nll"]["change"]["high"] < 0
    assert found["accuracy"]["before"] == found["accuracy"]["after"]
    assert (found["rows"], found["tokens"]) == (200, len(labels))


def test_methods_for_classes_are_refused():
    declared = Calibrate.model_validate_json(json.dumps({"method": {"kind": "isotonic"}}))
    splits = {"calibration": planted(30, 20, 1.0)[2], "test": replace(planted(30, 20, 1.0)[2], ids=range(30))}
    index = PredictionIndex((), {name: name for name in splits}, {}, "generation")
    with pytest.raises(DataError, match="isotonic is for classification; generation is calibrated by"):
        check_splits(declared, index, splits)


def answers(count: int, seed: int) -> list[Answer]:
    """Answers that are right with probability sigmoid(4 m + 3) of their mean log-probability m."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        mean = -float(draw.exponential(0.7))
        right = bool(draw.random() < 1 / (1 + np.exp(-(4 * mean + 3))))
        log_probs = tuple((GRID * mean).tolist())
        found.append(Answer(f"a{number}", "q", ("r",), "t", "b", 3, True, right, log_probs))
    return found


def test_confidence_of_answers_is_fitted_and_calibrated():
    fitted = fit_answer_curve(answers(4000, 0), 1.0)
    assert (fitted["slope"], fitted["intercept"]) == pytest.approx((4.0, 3.0), rel=0.15)
    found = compare_answers(answers(2000, 1), 1.0, fitted, SECTION)
    assert found["ece"]["after"] < 0.03 < found["ece"]["before"]
    assert found["correctness_auroc"] > 0.8


def test_too_few_right_answers_are_reported():
    few = [one for one in answers(400, 0) if not one.correct]
    fitted = fit_answer_curve(few, 1.0)
    assert fitted["status"] == "too_few"
    assert "after" not in compare_answers(few, 1.0, fitted, SECTION)["ece"]


def test_predictions_are_read_as_written(tmp_path):
    _, _, kept = planted(20, 30, 1.0)
    save_token_predictions(tmp_path, "test", kept)
    again = load_token_predictions(tmp_path, "test")
    for name in ("tokens", "label_logit", "hit", "lse", "mean", "betas", "sums"):
        np.testing.assert_array_equal(getattr(again, name), getattr(kept, name))
    written = answers(5, 0)
    save_answers(tmp_path, "test", written)
    assert [one.id for one in load_answers(tmp_path, "test")] == [one.id for one in written]
    with pytest.raises(DataError, match="no predictions of split"):
        load_token_predictions(tmp_path, "other")
