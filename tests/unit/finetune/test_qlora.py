"""QLoRA: 4-bit layers are what they decode to, learn, and come back as a plain float32 folder."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from teacherspec.errors import UserError
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.lora import adapt, linear_layers, merge
from teacherspec.finetune.train import finetune
from teacherspec.memory_plan.config_shapes import NF4_BYTES
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.tasks.shared.interfaces.capabilities import TrainableParts
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys.language_models import tiny_model

BATCH = {"input_ids": torch.arange(1, 25).reshape(2, 12)}


def qlora(**values: Any) -> Lora:
    return Lora.model_validate({"kind": "lora", "rank": 4, "quantize": "nf4", **values})


def logits(model: Any, batch: Any) -> torch.Tensor:
    return model(**batch).logits


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", None)
    with pytest.raises(UserError, match=r"pip install 'teacherspec\[qlora\]'"):
        adapt(tiny_model("llama"), qlora(), new_head=False)


@pytest.fixture(scope="module")
def library() -> Any:
    return pytest.importorskip("bitsandbytes", reason="bitsandbytes is in requirements-dev.txt")


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("family", ["llama", "qwen2"])  # without biases, and with them
def test_merged_logits_are_those_that_were_trained(library, family, dora):
    torch.manual_seed(0)
    plain = tiny_model(family)
    exact = logits(plain, BATCH).detach()
    names = linear_layers(plain, TrainableParts())
    model = adapt(plain, qlora(dora=dora), new_head=False)
    assert {type(model.base_model.model.get_submodule(name).base_layer).__name__ for name in names} == {
        "Linear4bit"
    }
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "magnitude" not in name:
            torch.nn.init.normal_(parameter, std=0.1)  # as if trained: B starts at zero
    with torch.no_grad():
        trained = logits(model.train(False), BATCH)
        merged = merge(logits, model, qlora(dora=dora), BATCH)
        assert (logits(merged, BATCH) - trained).abs().max() < 1e-4 * trained.abs().max()
    assert (trained - exact).abs().max() > 1e-2 * exact.abs().max()
    assert {parameter.dtype for parameter in merged.parameters()} == {torch.float32}
    assert {type(merged.get_submodule(name)) for name in names} == {torch.nn.Linear}


def test_without_updates_the_base_is_the_rounded_one_and_rounding_shows(library):
    plain = tiny_model("llama")
    weight = plain.model.layers[0].mlp.up_proj.weight.detach().clone()
    model = adapt(plain, qlora(), new_head=False)
    with torch.no_grad():
        merged = merge(logits, model, qlora(), BATCH)
    error = (merged.model.layers[0].mlp.up_proj.weight - weight).norm() / weight.norm()
    assert 0.05 < error < 0.2  # 15 levels over ± the largest of 64; 0 would mean that nothing was rounded


def test_memory_is_what_the_plan_counts(library):
    model = tiny_model("llama")
    big = torch.nn.Linear(1024, 1024, bias=False)
    model.model.big = big
    adapt(model, qlora(target_modules=("q_proj",)), new_head=False)
    state = model.model.big.weight.quant_state
    held = (model.model.big.weight, state.absmax, state.state2.absmax)
    assert sum(part.nbytes for part in held) / big.weight.numel() == pytest.approx(NF4_BYTES, rel=0.01)


@pytest.fixture(scope="module")
def trained(library: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("qlora")
    base, prepared = lm_base(place / "base"), lm_prepared(place / "rows", train=64, other=16)
    declared = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2}
    method = {"kind": "lora", "rank": 4, "quantize": "nf4"}
    section = Finetune.model_validate_json(json.dumps({**declared, "method": method}))
    finetune(Training(task(), section, base, prepared, ModelInit()), place / "run", place / "out")
    return base, place / "out"


def test_it_learns_and_the_folder_is_plain(trained):
    base, out = trained
    log = (out / "log/evaluations.tsv").read_text().splitlines()
    column = log[0].split("\t").index("nll")
    first, last = (float(line.split("\t")[column]) for line in (log[1], log[-1]))
    assert last < first
    before, after = load_file(base / "model.safetensors"), load_file(out / "model/model.safetensors")
    assert sorted(before) == sorted(after)
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    assert not (out / "model/adapter_config.json").exists()
    config = json.loads((out / "model/config.json").read_text())
    assert "quantization_config" not in config
