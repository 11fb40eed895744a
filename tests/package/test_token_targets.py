"""Stored tokens are the model's distribution: at every temperature, unbiased, also after a kill."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from teacherspec.package import token_targets as room
from teacherspec.package.shards import write_shards
from teacherspec.package.token_targets import Stored, chosen_k, token_columns, write_token_targets
from teacherspec.package.top_k import TEMPERATURES, choose_k, log_probs_at, sample_counts, tail_mass, top_k

VOCABULARY = 50
LOGITS = torch.randn(200, VOCABULARY, generator=torch.Generator().manual_seed(0)) * 3


@pytest.fixture(scope="module")
def model() -> Any:
    set_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("k", [1, 8, VOCABULARY - 1, VOCABULARY, VOCABULARY + 5])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_any_temperature_can_be_applied_later(k: int, temperature: float) -> None:
    stored = top_k(LOGITS, k)
    top, tail = log_probs_at(stored, temperature)
    full = (LOGITS.double() / temperature).log_softmax(-1)
    expected = full.gather(-1, stored.token_ids.long())
    torch.testing.assert_close(top.double(), expected, atol=8e-3, rtol=0)  # float16 below -8 nats
    rest = (1 - expected.exp().sum(-1)).clamp(min=0)
    torch.testing.assert_close(tail.double().exp(), rest, atol=1e-3, rtol=0)
    torch.testing.assert_close(top.exp().sum(-1) + tail.exp(), torch.ones(len(LOGITS)))


def test_the_logits_themselves_come_back() -> None:
    stored = top_k(LOGITS, 8)
    expected = LOGITS.gather(-1, stored.token_ids.long())
    torch.testing.assert_close(
        stored.log_probs.float() + stored.logsumexp[:, None], expected, atol=8e-3, rtol=0
    )
    assert (stored.log_probs.diff(dim=-1) <= 0).all(), "the most likely first"


def test_the_smallest_sufficient_k_is_chosen() -> None:
    for limit in (0.3, 0.1, 0.01):
        k = choose_k(LOGITS, limit)
        assert tail_mass(top_k(LOGITS, k)).mean() <= limit + 1e-3
        assert k == 8 or tail_mass(top_k(LOGITS, k - 1)).mean() > limit - 1e-3
    assert choose_k(LOGITS * 100, 0.5) == 8
    assert choose_k(torch.zeros(3, 1000), 0.01) == 64
    assert choose_k(torch.zeros(3, 5), 0.0) == 5


def test_drawn_counts_are_unbiased_and_the_same_again() -> None:
    few = LOGITS[:3] / 3
    draws = 20_000
    found = sample_counts(few, draws, torch.Generator().manual_seed(1))
    assert found == sample_counts(few, draws, torch.Generator().manual_seed(1))
    probs = few.softmax(-1)
    for position, (ids, counts) in enumerate(found):
        assert sum(counts) == draws
        assert ids == sorted(ids)
        shares = torch.zeros(VOCABULARY)
        shares[ids] = torch.tensor(counts) / draws
        error = (probs[position] * (1 - probs[position]) / draws).sqrt()
        assert ((shares - probs[position]).abs() <= 5 * error + 1e-9).all()


def sequences(count: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(0)
    return [
        {
            "id": f"row-{i}",
            "prompt": "p" * (i + 1),
            "content_sha256": f"{i:064x}",
            "input_ids": draw.integers(VOCABULARY, size=int(draw.integers(2, 9))).tolist(),
            "completion_mask": [1],
            "in_teacher_train": True,
        }
        for i in range(count)
    ]


CONTENT = [pa.field("prompt", pa.string())]


def test_stored_rows_are_the_models_at_every_position(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ROWS_PER_SHARD", 4)
    monkeypatch.setattr(room, "ROWS_PER_PART", 3)
    rows = sequences(10)
    paths = write_token_targets(tmp_path / "soft", "train", model, rows, CONTENT, Stored(k=8, draws=5))
    assert [path.name[-14:-8] for path in paths] == ["-00003"] * 3
    opened = load_dataset(str(tmp_path / "soft"), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened["id"][:] == [row["id"] for row in rows]
    off, shifted = 0.0, 0.0
    for row in opened:
        with torch.inference_mode():
            full = model(input_ids=torch.tensor([row["input_ids"]])).logits[0].double().log_softmax(-1)
        ids, stored = torch.tensor(row["token_ids"]), torch.tensor(row["top_values"], dtype=torch.float64)
        off = max(off, float((full.gather(-1, ids) - stored).abs().max()))
        shifted = max(shifted, float((full.roll(1, 0).gather(-1, ids) - stored).abs().max()))
        assert [sum(counts) for counts in row["sampled_counts"]] == [5] * len(row["input_ids"])
    assert off < 8e-3
    assert shifted > 0.1, "targets of the position before must not pass"


def test_a_kill_costs_one_shard_and_no_byte(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ROWS_PER_SHARD", 4)
    rows, stored = sequences(10), Stored(k=8, draws=3)
    whole = write_token_targets(tmp_path / "whole", "train", model, rows, CONTENT, stored)
    asked: list[str] = []
    original = room._row

    def killing(model: Any, row: Any, stored: Stored) -> Any:
        asked.append(row["id"])
        if len(asked) == 7:
            raise KeyboardInterrupt
        return original(model, row, stored)

    monkeypatch.setattr(room, "_row", killing)
    with pytest.raises(KeyboardInterrupt):
        write_token_targets(tmp_path / "killed", "train", model, rows, CONTENT, stored)
    assert [path.name for path in (tmp_path / "killed").iterdir()] == [whole[0].name]
    again = write_token_targets(tmp_path / "killed", "train", model, rows, CONTENT, stored)
    assert asked[7:] == [row["id"] for row in rows[4:]]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in whole]


def test_draws_do_not_depend_on_the_place_of_a_row(model: Any) -> None:
    row = sequences(1)[0]
    first, second = (token_columns(model, row["input_ids"], Stored(k=8, draws=9), seed) for seed in (1, 1))
    assert first["sampled_ids"] == second["sampled_ids"]
    other = token_columns(model, row["input_ids"], Stored(k=8, draws=9), 2)
    assert other["sampled_ids"] != first["sampled_ids"]


def test_k_is_chosen_on_real_positions(model: Any) -> None:
    ids = [row["input_ids"] for row in sequences(6)]
    k = chosen_k(model, ids, 0.05)
    assert 8 <= k <= VOCABULARY
    assert room.mean_tail_mass(model, ids, k) < 0.1


def test_progress_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from teacherspec.package import shards

    monkeypatch.setattr(shards, "INTERVAL_S", 0.0)
    schema = pa.schema([("n", pa.int64())])
    parts = lambda start, end: (pa.table({"n": [i]}, schema=schema) for i in range(start, end))  # noqa: E731
    (path,) = write_shards(tmp_path, "train", schema, 3, 10, parts)
    assert pq.read_table(path)["n"].to_pylist() == [0, 1, 2]
    assert "package: soft targets of train: 2 of 3 rows" in capsys.readouterr().err
