"""Low-rank updates are merged into what was trained, whichever way round a base stores its weights."""

import warnings
from typing import Any

import pytest
import torch
from transformers.pytorch_utils import Conv1D

from teacherspec.errors import UserError
from teacherspec.finetune.lora import adapt, linear_layers, merge
from teacherspec.finetune.run import library_versions
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.tasks.shared.interfaces.capabilities import TrainableParts
from tests.toys.language_models import tiny_model

BATCH = {"input_ids": torch.arange(1, 25).reshape(2, 12)}


def lora(**values: Any) -> Lora:
    return Lora.model_validate({"kind": "lora", "rank": 4, **values})


def logits(model: Any, batch: Any) -> torch.Tensor:
    return model(**batch).logits


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("dora", [False, True])
def test_merged_logits_are_those_that_were_trained(family: str, dora: bool) -> None:
    plain = tiny_model(family)
    kinds = {name: type(plain.get_submodule(name)) for name in linear_layers(plain, TrainableParts())}
    before = logits(plain, BATCH).detach()
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = adapt(plain, lora(dora=dora), new_head=False)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "magnitude" not in name:
            torch.nn.init.normal_(parameter, std=0.1)  # as if trained: B starts at zero
    with torch.no_grad():
        trained = logits(model.train(False), BATCH)
        merged = merge(logits, model, lora(dora=dora), BATCH)
        assert (logits(merged, BATCH) - trained).abs().max() < 1e-5 * trained.abs().max()
    assert (trained - before).abs().max() > 1e-2 * before.abs().max()
    assert {name: type(merged.get_submodule(name)) for name in kinds} == kinds


def test_every_layer_of_gpt2_gets_an_update_and_others_can_be_named() -> None:
    model = tiny_model("gpt2")
    names = linear_layers(model, TrainableParts())
    assert {name.rpartition(".")[2] for name in names} == {"c_attn", "c_proj", "c_fc"}
    assert len(names) == 4 * model.config.n_layer
    assert all(isinstance(model.get_submodule(name), Conv1D) for name in names)
    with pytest.raises(UserError, match="no linear layer q_proj; allowed: all-linear, or any of c_attn"):
        adapt(model, lora(target_modules=("q_proj",)), new_head=False)


def test_four_bits_refuse_transposed_weights() -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in requirements-dev.txt")
    with pytest.raises(UserError, match=r"h\.0\.attn\.c_attn and 7 further layers transposed"):
        adapt(tiny_model("gpt2"), lora(quantize="nf4"), new_head=False)


def test_who_rounds_the_base_decides_which_run_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(**method: Any) -> dict[str, str | None]:
        return library_versions(
            Finetune.model_validate(
                {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "method": {"kind": "lora", **method}}
            )
        )

    assert "bitsandbytes" not in told()
    monkeypatch.setattr("teacherspec.finetune.run.library_version", lambda: "0.50.2")
    one = told(quantize="nf4")
    monkeypatch.setattr("teacherspec.finetune.run.library_version", lambda: "0.51.0")
    assert told(quantize="nf4") != one
    assert told() == {name: version for name, version in one.items() if name != "bitsandbytes"}
