"""Stored tokens give the model's distribution: at every temperature, unbiased, also after a kill."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset

from teacherspec.package.generation import soft_targets, token_targets
from teacherspec.package.generation.soft_targets import write_token_targets
from teacherspec.package.generation.token_targets import StoredTokens, choose_k, token_rows
from teacherspec.package.resumable_shards import read_shards, write_shards
from teacherspec.splits import Split, open_split
from teacherspec.text.topk_logits import TAILS, draw_tokens, log_probs_at, reduce_at, reduce_logits
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task

VOCABULARY = 50
LOGITS = torch.randn(200, VOCABULARY, generator=torch.Generator().manual_seed(0)) * 3
LABELS = torch.randint(VOCABULARY, (200,), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("k", [1, 8, VOCABULARY - 1])
@pytest.mark.parametrize("temperature", [*TAILS, 0.9, 1.3])
def test_any_temperature_can_be_applied_later(k: int, temperature: float) -> None:
    stored = reduce_logits(LOGITS, LABELS, k)
    top, tail = log_probs_at(stored, temperature)
    full = (LOGITS.double() / temperature).log_softmax(-1)
    expected = full.gather(-1, stored.token_ids.long())
    exact = temperature in TAILS
    torch.testing.assert_close(top.double(), expected, atol=8e-3 if exact else 0.1, rtol=0)  # float16
    rest = (1 - expected.exp().sum(-1)).clamp(min=0)
    torch.testing.assert_close(tail.double().exp(), rest, atol=1e-3 if exact else 0.02, rtol=0)
    torch.testing.assert_close(top.exp().sum(-1) + tail.exp(), torch.ones(len(LOGITS)))


def test_what_else_is_stored_is_exact() -> None:
    stored, full = reduce_logits(LOGITS, LABELS, 8), LOGITS.double().log_softmax(-1)
    expected = LOGITS.gather(-1, stored.token_ids.long())
    raw = stored.top_values.float() + stored.logsumexp[:, None]
    torch.testing.assert_close(raw, expected, atol=8e-3, rtol=0)
    assert (stored.top_values.diff(dim=-1) <= 0).all(), "the most likely first"
    torch.testing.assert_close(stored.label_log_prob.double(), full[range(200), LABELS], atol=1e-5, rtol=0)
    entropy = torch.distributions.Categorical(logits=LOGITS.double()).entropy()
    torch.testing.assert_close(stored.entropy.double(), entropy, atol=1e-5, rtol=0)


def test_no_number_depends_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from teacherspec.text import topk_logits

    whole = reduce_logits(LOGITS, LABELS, 8)
    monkeypatch.setattr(topk_logits, "CHUNK_LOGITS", 7 * VOCABULARY)
    for parts in (reduce_logits(LOGITS, LABELS, 8), reduce_at(LOGITS, LABELS, whole.token_ids.long())):
        for one, other in zip(whole, parts, strict=True):
            assert torch.equal(one, other)


def test_banned_tokens_and_an_empty_tail_are_no_numbers_that_are_none() -> None:
    logits = torch.full((2, 10), -torch.inf)
    logits[0, :3], logits[1, :5] = torch.tensor([1.0, 2.0, 3.0]), 1.0
    stored = reduce_logits(logits, torch.tensor([0, 4]), 3)
    assert not any(column.isnan().any() for column in stored)
    assert stored.tail_log_mass[0] == -torch.inf
    assert float(stored.tail_log_mass[1].exp()) == pytest.approx(0.4)
    assert float(stored.entropy[1]) == pytest.approx(np.log(5))


def test_drawn_counts_are_unbiased_and_the_same_again() -> None:
    few = LOGITS[:3] / 3
    draws = 20_000
    found = draw_tokens(few, draws, torch.Generator().manual_seed(1))
    assert found == draw_tokens(few, draws, torch.Generator().manual_seed(1))
    probs = few.softmax(-1)
    for position, (ids, counts) in enumerate(found):
        assert sum(counts) == draws
        assert ids == sorted(ids)
        shares = torch.zeros(VOCABULARY)
        shares[ids] = torch.tensor(counts) / draws
        error = (probs[position] * (1 - probs[position]) / draws).sqrt()
        assert ((shares - probs[position]).abs() <= 5 * error + 1e-9).all()


class Made(NamedTuple):
    model_folder: Path
    split: Split


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("targets")
    (place / "prepared").mkdir()
    prepared = lm_prepared(place / "prepared", train=20, other=3)
    return Made(lm_base(place / "base"), prepared.splits["train"])


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pack(made: Made, target: Path, k: int | None = 8, draws: int | None = None) -> Path:
    write_token_targets(task(), made.model_folder, [made.split], target, top_k=k, sampled_tokens=draws)
    return target


def test_stored_rows_are_the_models_at_every_answered_position(made: Made, tmp_path: Path) -> None:
    opened = load_dataset(
        str(pack(made, tmp_path / "distill", draws=5)), "soft", split="train", cache_dir=str(tmp_path)
    )
    assert opened["id"][:] == open_split(made.split)["id"][:]
    model, _ = task().load(made.model_folder)
    off, shifted = 0.0, 0.0
    for row in opened:
        with torch.inference_mode():
            full = model(input_ids=torch.tensor([row["input_ids"]])).logits[0].double().log_softmax(-1)
        assert [row["input_ids"][at + 1] for at in row["positions"]] == [
            token for token, learned in zip(row["input_ids"], row["completion_mask"], strict=True) if learned
        ]
        own = full[row["positions"]]
        ids, stored = torch.tensor(row["token_ids"]), torch.tensor(row["top_values"], dtype=torch.float64)
        off = max(off, float((own.gather(-1, ids) - stored).abs().max()))
        shifted = max(shifted, float((own.roll(1, 0).gather(-1, ids) - stored).abs().max()))
        assert [sum(counts) for counts in row["sampled_counts"]] == [5] * len(row["positions"])
    assert off < 8e-3
    assert shifted > 0.1, "targets of the position before must not pass"


def test_a_kill_costs_one_shard_and_no_byte(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_targets, "ROWS_PER_SHARD", 8)
    whole = sorted((pack(made, tmp_path / "whole", draws=3) / "soft").iterdir())
    assert [path.name[-14:-8] for path in whole] == ["-00003"] * 3
    monkeypatch.setattr(soft_targets, "SCRATCH", tmp_path / "work")
    asked: list[int] = []
    original = token_targets.reduce_logits

    def killing(logits: Any, labels: Any, k: int) -> Any:
        asked.append(len(labels))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return original(logits, labels, k)

    monkeypatch.setattr(token_targets, "reduce_logits", killing)
    with pytest.raises(KeyboardInterrupt):
        pack(made, tmp_path / "killed", draws=3)
    assert [path.name for path in (tmp_path / "work").rglob("*.parquet")] == [whole[0].name]
    again = pack(made, tmp_path / "again", draws=3) / "soft"
    assert len(asked) == 4, "the first of three batches is not asked again"
    assert [(again / path.name).read_bytes() for path in whole] == [path.read_bytes() for path in whole]


def test_work_of_another_declaration_is_not_taken_up(made: Made, tmp_path: Path) -> None:
    first, second = (
        next(read_shards(pack(made, tmp_path / f"{k}", k=k), "train", ["token_ids"])) for k in (8, 9)
    )
    assert [len(batch["token_ids"][0][0].as_py()) for batch in (first, second)] == [8, 9]


def test_k_is_the_smallest_choice_that_leaves_a_small_tail(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = task().load(made.model_folder)
    rows = open_split(made.split)

    def mean_tail(k: int) -> float:
        parts = token_rows(task(), model, tokenizer, rows, StoredTokens(k))
        return float(np.exp(np.concatenate([one["tail_log_mass"] for part in parts for one in part])).mean())

    tails = {k: mean_tail(k) for k in token_targets.CHOICES}
    for limit in (tails[8] + 0.01, tails[32] + 0.01, 0.0):
        monkeypatch.setattr(token_targets, "LARGEST_TAIL", limit)
        enough = [k for k in token_targets.CHOICES if tails[k] <= limit]
        assert choose_k(task(), model, tokenizer, rows, 400) == (enough[0] if enough else 64)
    assert choose_k(task(), model, tokenizer, rows, 20) in (8, 16)


def test_progress_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from teacherspec.package import resumable_shards

    monkeypatch.setattr(resumable_shards, "INTERVAL_S", 0.0)
    schema = pa.schema([("n", pa.int64())])
    parts = lambda start, end: (pa.table({"n": [i]}, schema=schema) for i in range(start, end))  # noqa: E731
    (path,) = write_shards(tmp_path, "train", schema, 3, 10, parts)
    assert pq.read_table(path)["n"].to_pylist() == [0, 1, 2]
    assert "package: soft targets of train: 2 of 3 rows" in capsys.readouterr().err


def test_the_card_of_the_data_names_what_is_stored(made: Made, tmp_path: Path) -> None:
    plain, drawn = (
        (pack(made, tmp_path / f"{draws}", draws=draws) / "README.md").read_text() for draws in (None, 7)
    )
    assert "sampled_ids" not in plain
    assert "drawn 7 times" in drawn
    assert json.dumps("soft")[1:-1] in plain
