"""All programs of the benchmark train the same: their losses agree, step by step, full and low-rank."""

from pathlib import Path

import pytest

from benchmarks.causal_lm.__main__ import Clock
from benchmarks.causal_lm.bases import Real
from benchmarks.causal_lm.programs import PROGRAMS, Run
from teacherspec.spec.finetune import Full, Lora
from tests.pipeline.causal_lm.toys import lm_base, lm_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`gradient_checkpointing:FutureWarning"),  # TRL 1.16's own name
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return Real(lm_base(tmp_path_factory.mktemp("base")))


@pytest.mark.parametrize("method", [Full(), Lora(kind="lora", rank=4)], ids=lambda one: one.kind)
def test_losses_agree(
    method: Full | Lora, base: Real, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = base.tokenizer()
    pairs = list(zip(*lm_rows(2, seed=1), strict=True)) * 3  # the same rows in every step
    rows = [base.example(tokenizer, "e2e", question, answer) for question, (answer,) in pairs]
    losses = {}
    for name, program in PROGRAMS.items():
        trainer = program(Run(base, method, rows, 2, bf16=False))
        clock = Clock()
        trainer.add_callback(clock)
        trainer.train()
        losses[name] = clock.losses
    assert len(losses["ours"]) == 3
    assert losses["ours"][2] < losses["ours"][1] < losses["ours"][0], "it learns"
    for name, found in losses.items():
        assert found == pytest.approx(losses["ours"], abs=1e-3), name


def test_only_the_answer_and_its_end_are_learned(base: Real) -> None:
    tokenizer = base.tokenizer()
    row = base.example(tokenizer, "e2e", "What?", "That.")
    learned = [token for token, flag in zip(row.input_ids, row.supervised, strict=True) if flag]
    assert tokenizer.decode(learned) == "That." + tokenizer.eos_token
