"""Ranks of the teacher's answers under a student are those that sorting all its logits gives."""

from typing import Any

import numpy as np
import pytest
import torch

from teacherspec.predictions.generation import Answer
from teacherspec.probe.generation.answer_ranks import rank_answers
from tests.toys.language_models import tiny_model


def answer(tokens: int, ids: tuple[int, ...]) -> Answer:
    return Answer("a", "q", ("r",), "t", "b", tokens, True, True, (0.0,), input_ids=ids)


def student() -> Any:
    return tiny_model("llama").eval()


def test_they_are_those_of_sorted_logits() -> None:
    answers = [answer(2, (3, 4, 5, 6, 7)), answer(3, (8, 9, 3, 4)), answer(0, (3, 4))]
    found = rank_answers(student(), answers, 0.95)
    assert found is not None
    assert found.answers == 2, "an empty answer has no tokens to rank"
    ranks, surprisal = [], []
    for one in answers[:2]:
        with torch.inference_mode():
            probs = student()(input_ids=torch.tensor([one.input_ids])).logits[0].double().softmax(1)
        order = [row.tolist() for row in probs.argsort(1, descending=True)]
        places = range(len(one.input_ids) - one.tokens, len(one.input_ids))
        ranks.append(np.mean([min(100, 1 + order[at - 1].index(one.input_ids[at])) for at in places]))
        surprisal.append(np.mean([-float(probs[at - 1, one.input_ids[at]].log()) for at in places]))
    assert found.rank == pytest.approx(np.mean(ranks))
    assert found.surprisal == pytest.approx(np.mean(surprisal), rel=1e-4)
    assert found.ratio.value == pytest.approx(np.mean(ranks) / np.mean(surprisal), rel=1e-4)


def test_answers_of_an_earlier_evaluation_have_no_tokens_and_no_ranks() -> None:
    assert rank_answers(student(), [answer(2, ()), answer(3, ())], 0.95) is None
