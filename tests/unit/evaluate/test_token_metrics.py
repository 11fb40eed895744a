"""Rows that answer one prompt are resampled together: more answers to as many prompts narrow no interval."""

import numpy as np
import pytest

from teacherspec.evaluate.generation.metrics import token_gain, token_quality
from teacherspec.evaluation_rows.prompts import gather_prompts, prompt_numbers
from teacherspec.predictions.generation import TokenPredictions
from tests.pipeline.causal_lm.toys import task

PROMPTS, TOKENS = 24, 5
BETAS = np.array([1.0, 2.0])
INTERVALS = {"confidence": 0.95, "resamples": 200, "seed": 0}


def predictions(seed: int, copies: int, prompt: np.ndarray | None = None) -> TokenPredictions:
    """Rows whose tokens are alike, each row `copies` times, as answers to one prompt."""
    draw = np.random.default_rng(seed)
    level = np.repeat(draw.normal(2.0, 1.0, PROMPTS), TOKENS).reshape(PROMPTS, TOKENS)
    nll = np.abs(level + draw.normal(0.0, 0.1, level.shape))
    label_logit = np.repeat(-nll, copies, axis=0).reshape(-1).astype(np.float32)
    total = len(label_logit)
    return TokenPredictions(
        ids=[str(number) for number in range(PROMPTS * copies)],
        tokens=np.full(PROMPTS * copies, TOKENS),
        label_logit=label_logit,
        hit=label_logit > -1.0,
        lse=np.zeros((total, 2), np.float32),
        mean=np.zeros((total, 2), np.float32),
        betas=BETAS,
        sums=np.zeros((4, 2)),
        prompt=np.repeat(np.arange(PROMPTS), copies) if prompt is None else prompt,
    )


@pytest.mark.parametrize("name", ["nll", "accuracy", "nll_per_answer", "nll_macro", "perplexity"])
def test_more_answers_to_the_same_prompts_narrow_no_interval(name: str) -> None:
    once, often = (token_quality(predictions(0, copies), **INTERVALS) for copies in (1, 6))
    assert often[name] == pytest.approx(once[name], rel=1e-6)
    as_rows = token_quality(predictions(0, 6, np.arange(PROMPTS * 6)), **INTERVALS)
    width, narrow = (found[name]["high"] - found[name]["low"] for found in (often, as_rows))
    assert narrow < 0.6 * width, "rows that were independent would narrow it by the root of 6"


def test_the_gain_is_paired_by_prompt() -> None:
    once, often = (
        token_gain(predictions(0, copies), predictions(1, copies), **INTERVALS) for copies in (1, 6)
    )
    for name in ("nll", "accuracy"):
        assert often[name] == pytest.approx(once[name], rel=1e-6)


def test_one_prompt_alone_has_its_rows_resampled() -> None:
    found = token_quality(predictions(0, 1, np.zeros(PROMPTS, int)), **INTERVALS)
    assert found == token_quality(predictions(0, 1, np.arange(PROMPTS)), **INTERVALS)


def test_rows_of_one_prompt_share_its_number() -> None:
    asked = ["a?", "b?", "a?", "c?", "b?"]
    rows = [{"id": str(at), "prompt": one, "completion": ["x"]} for at, one in enumerate(asked)]
    assert prompt_numbers(task(), rows).tolist() == [0, 1, 0, 2, 1]
    assert gather_prompts(task(), rows, 9).numbers == [0, 1, 3]
