"""Bits per byte of answers, computed again from the logits of a tiny model."""

import math
from pathlib import Path

import pytest
import torch

from teacherspec.base.generation.candidate_scores import candidate_scores, supervised_bytes
from teacherspec.splits import open_split
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task


@pytest.fixture
def toy(tmp_path: Path) -> tuple[object, object, object]:
    rows = open_split(lm_prepared(tmp_path, train=8, other=12).splits["validation"])
    return (*task().load_base(lm_base(tmp_path / "base"), (), ModelInit()), rows)


def test_bits_of_the_supervised_tokens_over_bytes_of_the_answers(toy: tuple[object, object, object]) -> None:
    model, tokenizer, rows = toy
    bits, sizes = 0.0, 0
    encoded = task().encode(tokenizer, rows)
    for row, ids, supervised in zip(rows, encoded["input_ids"], encoded["supervised"], strict=True):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids])).logits[0].double()
        losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
        bits += float(losses[torch.tensor(supervised[1:]).bool()].sum()) / math.log(2)
        sizes += len(row["completion"][0].encode())
    found = candidate_scores(task(), model, tokenizer, rows, rows)["bits_per_byte"]
    assert found.value == pytest.approx(bits / sizes, rel=1e-4)
    assert not found.higher_is_better


def test_every_answer_of_the_assistant_that_is_learned_counts_its_bytes() -> None:
    turns = [
        {"role": "user", "content": "question"},
        {"role": "assistant", "content": "naïve"},
        {"role": "user", "content": "and?"},
    ]
    row = {"prompt": turns, "answer": ["x", "other accepted answer"]}
    assert supervised_bytes(task(rows="messages"), row) == 6 + 1
