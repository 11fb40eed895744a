"""Examples go into prompts as earlier turns, and what is compared is measured as `evaluate` does."""

import numpy as np
import pytest
import torch
from datasets import Dataset

from benchmarks.few_shot.measure import Comparison, Outputs, measure, nll_of_answers
from benchmarks.few_shot.shots import draw, pairs_of, task_with_shots, with_shots
from benchmarks.few_shot.table import lines
from teacherspec.evaluation_rows.prompts import gather_prompts
from teacherspec.inference.generation import predict_tokens
from teacherspec.spec.evaluate import Evaluate
from tests.pipeline.causal_lm.toys import lm_base, lm_rows, task

TASK = task(system="Say it.")
PAIRS = [("a?", "yes"), ("b?", "no"), ("c?", "yes"), ("d?", "yes"), ("e?", "yes"), ("a?", "maybe")]


def rows(count: int, seed: int) -> list[dict[str, object]]:
    prompts, answers = lm_rows(count, seed)
    both = enumerate(zip(prompts, answers, strict=True))
    return [{"id": str(number), "prompt": one, "completion": other} for number, (one, other) in both]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, object]:
    model, tokenizer = TASK.load(lm_base(tmp_path_factory.mktemp("base")))
    return model, tokenizer


def test_examples_differ_in_question_and_as_far_as_possible_in_answer() -> None:
    for seed in range(30):
        drawn = draw(PAIRS, 3, np.random.default_rng(seed))
        assert len({question for question, _ in drawn}) == 3
        assert {"no", "yes"} <= {answer for _, answer in drawn}
        assert len(draw(PAIRS, 9, np.random.default_rng(seed))) == 5, "one question was asked twice"


def test_each_row_has_its_own_draw_and_the_same_one_again() -> None:
    given = rows(20, seed=3)
    first, again, other = (with_shots(given, PAIRS, 2, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len({str(row["history"]) for row in first}) > 3


def test_examples_are_earlier_turns_of_the_prompt(base: tuple[torch.nn.Module, object]) -> None:
    asked = task_with_shots(TASK, 512)
    (row,) = with_shots(rows(1, seed=1), PAIRS[:2], 2, seed=0)
    tokenizer = base[1]
    text = tokenizer.decode(asked.encoder(tokenizer).encode_prompt(asked.conversation(row)))
    (first, said), (second, reply) = row["history"]
    asks = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    shown = f"{asks.format(first)}{said}<|im_end|>\n{asks.format(second)}{reply}<|im_end|>\n"
    wanted = shown + asks.format(row["prompt"])
    assert text.endswith(wanted)
    assert text.removesuffix(wanted).count("Say it.") == 1


def test_without_examples_the_nll_is_that_of_evaluate(base: tuple[torch.nn.Module, object]) -> None:
    given = rows(6, seed=2)
    scored = predict_tokens(TASK, *base, Dataset.from_list(given), 4)
    wanted = np.bincount(scored.row, weights=scored.nll())
    asked = task_with_shots(TASK, 512)
    bare = nll_of_answers(asked, base, with_shots(given, PAIRS, 0, 0), 4)
    np.testing.assert_allclose(bare, wanted, rtol=0, atol=1e-4)


def test_the_nll_is_of_the_answer_after_its_examples(base: tuple[torch.nn.Module, object]) -> None:
    model, tokenizer = base
    given = with_shots(rows(3, seed=2), pairs_of(TASK, rows(9, seed=5)), 2, seed=0)
    asked = task_with_shots(TASK, 512)
    found = nll_of_answers(asked, base, given, 2)
    for row, value in zip(given, found, strict=True):
        prompt = asked.encoder(tokenizer).encode_prompt(asked.conversation(row))
        said = tokenizer(f"{row['completion'][0]}<|im_end|>", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *said]])).logits[0, len(prompt) - 1 : -1]
        wanted = -logits.log_softmax(-1)[range(len(said)), said].sum()
        assert value == pytest.approx(float(wanted), abs=1e-3)


def test_the_gain_is_of_the_teacher_over_the_examples() -> None:
    prompts = gather_prompts(TASK, rows(12, seed=4), 12)
    right = [references[0] for references in prompts.references]
    tokens, wrong = np.full(12, 5), ["no"] * 6 + right[6:]
    outputs = {
        "base": Outputs(["no"] * 12, np.full(12, 9.0)),
        "shots": Outputs(wrong, np.full(12, 5.0)),
        "teacher": Outputs(right, np.full(12, 2.5)),
    }
    quality, gained = measure(prompts, tokens, outputs, Evaluate(resamples=100))
    assert [quality[name].exact_match for name in ("base", "shots", "teacher")] == [0, 0.5, 1]
    assert gained["exact_match"]["value"] == 0.5
    assert gained["nll"] == pytest.approx({"value": 0.5, "low": 0.5, "high": 0.5})
    assert gained["chrf"]["low"] > 0
    table = "\n".join(lines(Comparison("name", 12, 3, quality, gained), "2026-12-01"))
    assert "| exact match | 0.000 | 0.500 | 1.000 | 0.500 (" in table
