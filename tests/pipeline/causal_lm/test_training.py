"""Fine-tuning of language models: the loss is per token, whatever the layout; adapters merge exactly."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from teacherspec.errors import DataError, UserError
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys.trained_language_model import flat, trained

NO_LABELS = ()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lm_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory):
    return lm_prepared(tmp_path_factory.mktemp("prepared"), train=32, other=16)


def test_a_step_does_not_depend_on_the_micro_batch(base, prepared, tmp_path, monkeypatch):
    start = flat(base)
    whole = flat(trained(task(), base, prepared, tmp_path / "8") / "model")
    monkeypatch.setitem(os.environ, "TEACHERSPEC_MICRO_BATCH", "2")
    cut = flat(trained(task(), base, prepared, tmp_path / "2") / "model")
    assert (whole - cut).norm() < 1e-3 * (whole - start).norm()


@pytest.mark.parametrize("method", [{"kind": "full"}, {"kind": "lora", "rank": 4, "dropout": 0.1}], ids=str)
def test_activations_computed_again_change_no_bit(base, prepared, tmp_path, monkeypatch, method):
    from transformers.models.llama.modeling_llama import LlamaMLP

    passes = []
    forward = LlamaMLP.forward
    monkeypatch.setattr(LlamaMLP, "forward", lambda *args, **kw: passes.append(0) or forward(*args, **kw))
    kept = flat(trained(task(), base, prepared, tmp_path / "kept", method=method) / "model")
    once, passes[:] = len(passes), []
    monkeypatch.setitem(os.environ, "TEACHERSPEC_CHECKPOINTING", "1")
    assert torch.equal(
        flat(trained(task(), base, prepared, tmp_path / "again", method=method) / "model"), kept
    )
    assert len(passes) > once
    monkeypatch.setitem(os.environ, "TEACHERSPEC_CHECKPOINTING", "yes")
    with pytest.raises(UserError, match="allowed: 1"):
        trained(task(), base, prepared, tmp_path / "typo", method=method)


@pytest.mark.parametrize("dora", [False, True])
def test_adapters_are_merged_into_a_plain_folder(base, prepared, tmp_path, dora):
    method = {"kind": "lora", "rank": 4, "dora": dora}
    out = trained(task(), base, prepared, tmp_path, method=method)
    assert sorted(load_file(out / "model/model.safetensors")) == sorted(load_file(base / "model.safetensors"))
    facts = json.loads((out / "training.json").read_text())
    assert facts["trainable_parameters"] < facts["parameters"]  # the head is not new, so it is not trained
    assert facts["validation"]["nll"] > 0


def test_the_saved_model_knows_how_an_answer_ends(base, prepared, tmp_path):
    out = trained(task(), base, prepared, tmp_path)
    model, tokenizer = task().load(out / "model")
    assert model.generation_config.eos_token_id == [2, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    assert tokenizer.chat_template is not None
    assert model.config.use_cache


def test_validation_measures_tokens(base, prepared):
    model, tokenizer = task().load_base(base, NO_LABELS, ModelInit())
    kind = task()
    encoded = kind.encode(tokenizer, Dataset.from_parquet(str(prepared.splits["validation"].path)))
    batch = dict(kind.collate(tokenizer)([encoded[at] for at in range(6)]))
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = kind.logits(model, batch)
        found = kind.measure(kind.validation_outputs({"logits": logits}, labels).numpy(), labels.numpy())
        alone = [
            torch.nn.functional.cross_entropy(
                model(input_ids=torch.tensor([row["input_ids"][:-1]])).logits[0],
                torch.tensor(
                    [
                        token if flag else -100
                        for token, flag in zip(row["input_ids"][1:], row["supervised"][1:], strict=True)
                    ]
                ),
                reduction="sum",
            )
            for row in (encoded[at] for at in range(6))
        ]
    assert found["nll"] == pytest.approx(float(sum(alone)) / (labels.numel() - 1), rel=1e-5)
    assert 0 <= found["accuracy"] <= 1


def test_rows_that_do_not_fit_are_all_counted(base):
    kind = task(max_length=16)
    tokenizer = task().load(base)[1]
    rows = {
        "id": [f"r{n}" for n in range(12)],
        "prompt": ["0 1 2 3 4 5 6 7 8 9"] * 12,
        "completion": [["5"]] * 12,
    }
    with pytest.raises(DataError) as caught:
        kind.encode(tokenizer, Dataset.from_dict(rows))
    assert len(caught.value.problems) == 11
    assert caught.value.problems[0].startswith("row r0: has ")
    assert caught.value.problems[-1] == "12 of 12 rows cannot be encoded"


def test_prompts_are_padded_on_the_left_without_changing_the_next_token(base):
    kind = task()
    model, tokenizer = kind.load(base)
    rows = [{"prompt": text} for text in ("sky?", "What is the colour of the sky? 1 2 3", "dog")]
    with torch.no_grad():
        together = kind.logits(model, kind.batch(tokenizer, rows))
        alone = torch.cat([kind.logits(model, kind.batch(tokenizer, [row])) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_teacher_keeps_the_spaces_of_its_answers(tmp_path):
    """Bases such as Llama 3 ask version 4 of transformers to take out those before punctuation."""
    base = lm_base(tmp_path / "base")
    settings = json.loads((base / "tokenizer_config.json").read_text())
    settings["clean_up_tokenization_spaces"] = True
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    task().load_base(base, (), ModelInit())[1].save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved/tokenizer_config.json").read_text())
    assert saved["clean_up_tokenization_spaces"] is False
