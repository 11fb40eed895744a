"""Students of a language model: padding changes nothing, arms do not disturb each other, scores are means."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from teacherspec.errors import UserError
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.predictions.top_k_tokens import TopKTokens
from teacherspec.probe.arms import Arm
from teacherspec.probe.generation.rows import ProbeTokens, by_prompt, next_tokens, predicting_places, scored
from teacherspec.probe.generation.small_llama import build
from teacherspec.probe.generation.targets import arm_targets, top_k_loss
from teacherspec.probe.generation.training import (
    Answers,
    Lesson,
    arm_loss,
    calibration_errors,
    score,
    separate_arms,
    train_and_score,
)
from teacherspec.spec.probe.language_students import SmallLlama
from tests.unit.probe.toy_language_teacher import PROMPT, VOCABULARY, toy_tokens

HARD, SOFT = Arm("hard", "none", 1.0, 0.0), Arm("soft", "raw", 2.0, 1.0)
MIX, SMOOTHED = Arm("mix", "raw", 2.0, 0.5), Arm("smoothed", "smoothed", 2.0, 0.5)


def student(**values: Any) -> SmallLlama:
    declared = {"kind": "small_llama", "layers": 1, "heads": 2, "width": 8, "epochs": 1, "batch_size": 4}
    return SmallLlama.model_validate_json(json.dumps({**declared, **values}))


def some(rows: int = 6) -> TopKTokens:
    return toy_tokens("train", knows=3.0, noise=0.5, draw=np.random.default_rng(0), rows=rows)


def about(tokens: TopKTokens, labelled: int) -> ProbeTokens:
    return ProbeTokens(tokens, labelled, tokens, {}, VOCABULARY, 1.5)


def lesson(tokens: TopKTokens, labelled: int | None = None) -> Lesson:
    rows = len(tokens.ids)
    return Lesson(Answers(tokens), about(tokens, rows if labelled is None else labelled), np.arange(rows), 0)


def model(seed: int = 0) -> Any:
    return build(student(), about(some(), 6), seed)


def test_supervised_tokens_and_what_predicts_them() -> None:
    tokens = some(2)
    assert next_tokens(tokens).tolist() == [
        *tokens.input_ids[PROMPT : tokens.lengths[0]],
        *tokens.input_ids[tokens.lengths[0] + PROMPT :],
    ]
    assert predicting_places(tokens).tolist() == [
        *range(PROMPT - 1, tokens.lengths[0] - 1),
        *range(PROMPT - 1, tokens.lengths[1] - 1),
    ]


def test_a_row_that_begins_with_a_supervised_token_has_one_position_less() -> None:
    tokens = some(1)
    marks = np.ones_like(tokens.supervised)
    positions = np.array([len(marks) - 1])
    begins = TopKTokens(
        tokens.ids, tokens.lengths, tokens.input_ids, marks, positions, {"x": np.zeros(positions[0])}
    )
    assert next_tokens(begins).tolist() == tokens.input_ids[1:].tolist()
    assert predicting_places(begins).tolist() == list(range(len(marks) - 1))


def test_answers_in_one_batch_are_predicted_as_each_alone() -> None:
    answers, (one,) = Answers(some()), separate_arms(model(), 1)
    rows = np.array([5, 0, 2])
    together = answers.batch(rows)
    alone = torch.cat([one(**answers.batch(rows[at : at + 1]).inputs).logits for at in range(3)])
    torch.testing.assert_close(one(**together.inputs).logits, alone, atol=1e-5, rtol=1e-4)
    plain = model()(input_ids=torch.from_numpy(some().take([5]).input_ids[None].astype(np.int64))).logits[0]
    torch.testing.assert_close(
        alone[: together.positions.size][:6], plain[PROMPT - 1 :][:6], atol=1e-5, rtol=0
    )


def test_the_loss_of_an_arm_is_the_mean_over_what_teaches_it() -> None:
    taught = lesson(some(), labelled=4)
    batch = taught.answers.batch(np.arange(6))
    given, has_label = taught.given(batch), taught.has_label(batch)
    logits = torch.randn(len(batch.labels), VOCABULARY, generator=torch.Generator().manual_seed(0))
    assert 0 < int(has_label.sum()) < len(has_label)

    def loss(arm: Arm) -> float:
        return float(arm_loss(arm, logits, batch.labels, has_label, given))

    hard = torch.nn.functional.cross_entropy(logits, batch.labels, reduction="none")
    assert loss(HARD) == pytest.approx(float(hard[has_label].mean()), rel=1e-5)
    targets = arm_targets(SOFT, given)
    soft = SOFT.temperature**2 * top_k_loss(logits, targets, SOFT.temperature)
    assert loss(SOFT) == pytest.approx(float(soft.mean()), rel=1e-5), "soft targets need no label"
    mixed = 0.5 * soft.sum() + 0.5 * hard[has_label].sum()
    assert loss(MIX) == pytest.approx(float(mixed) / len(hard), rel=1e-5)


def test_labels_that_nobody_vouches_for_teach_labels_and_smoothed_labels_nothing() -> None:
    taught = lesson(some(), labelled=4)
    batch = taught.answers.batch(np.array([4, 5]))
    logits = torch.zeros(len(batch.labels), VOCABULARY)
    given, has_label = taught.given(batch), taught.has_label(batch)
    assert not has_label.any()
    for arm in (HARD, SMOOTHED):
        assert float(arm_loss(arm, logits, batch.labels, has_label, given)) == 0.0


def test_an_arm_learns_the_same_alone_and_among_others() -> None:
    weights = []
    for arms in ([HARD], [HARD, SOFT, SMOOTHED]):
        models = separate_arms(model(), len(arms))
        found = train_and_score(models, lesson(some()), arms, student(epochs=2), {"own": Answers(some())})
        assert found["own"].score.shape == (1, 2, len(arms), 6)
        weights.append(torch.cat([one.flatten() for one in models[0].parameters()]))
    assert torch.equal(*weights)


def test_scores_are_means_over_the_tokens_of_an_answer() -> None:
    tokens, models = some(), separate_arms(model(3), 2)
    found = score(models, Answers(tokens), VOCABULARY)
    for at in range(6):
        one = tokens.take([at])
        logits = model(3)(input_ids=torch.from_numpy(one.input_ids[None].astype(np.int64))).logits[0]
        labels = torch.from_numpy(next_tokens(one))
        own = logits[torch.from_numpy(predicting_places(one))]
        nll = torch.nn.functional.cross_entropy(own, labels).detach()
        assert found.nll[0, 0, 1, at] == pytest.approx(float(nll), abs=1e-4)
        hits = float((own.argmax(1) == labels).float().mean())
        assert found.score[0, 0, 1, at] == pytest.approx(hits)


def test_answers_to_one_prompt_are_one_row() -> None:
    tokens = some(4)
    ids, start = tokens.input_ids.copy(), tokens.token_starts
    ids[start[2] : start[2] + PROMPT] = ids[:PROMPT]
    shared = replace(tokens, input_ids=ids)
    assert shared.prompt.tolist() == [0, 1, 0, 2]
    values = np.arange(tokens.positions.sum(), dtype=np.float32)
    of_answers = [part.mean() for part in np.split(values, np.cumsum(tokens.positions)[:-1])]
    expected = [(of_answers[0] + of_answers[2]) / 2, of_answers[1], of_answers[3]]
    np.testing.assert_allclose(by_prompt(shared, values), expected, rtol=1e-6)
    assert scored("test", shared).ids == ["train-0", "train-1", "train-3"]


def test_the_calibration_error_is_that_of_tokens_where_answers_are_equally_long() -> None:
    tokens = some(9)
    equal = tokens.take(np.flatnonzero(tokens.positions == tokens.positions[0]))
    draw = np.random.default_rng(0)
    confidences = draw.random(int(equal.positions.sum())).astype(np.float32)
    hits = (draw.random(len(confidences)) < 0.5).astype(np.float32)
    found = by_prompt(equal, calibration_errors(equal, confidences, hits)).mean()
    assert found == pytest.approx(expected_calibration_error(confidences, hits.astype(int)), abs=1e-6)


def test_a_training_that_diverges_is_refused() -> None:
    models = separate_arms(model(), 2)
    with torch.no_grad():
        next(models[1].parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match=r"small_llama is not finite in epoch 1; declare a lower"):
        train_and_score(models, lesson(some()), [HARD, SOFT], student(), {})
