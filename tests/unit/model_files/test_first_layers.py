"""A base of the first layers: the same tensors, the same hidden states, a folder like any other."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTModel,
)

from teacherspec.errors import BaseModelError
from teacherspec.model_files.first_layers import first_layers
from teacherspec.model_files.security_scan import check_folder

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
TOKENS = {"vocab_size": 30, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
FAMILIES = {
    "bert": lambda: BertModel(BertConfig(num_hidden_layers=4, **SMALL, **TOKENS)),
    "gpt2": lambda: GPT2Model(GPT2Config(n_layer=4, n_embd=16, n_head=2, n_positions=32, **TOKENS)),
    "llama": lambda: LlamaModel(LlamaConfig(num_hidden_layers=4, **SMALL, **TOKENS)),
    "modernbert": lambda: ModernBertModel(
        ModernBertConfig(num_hidden_layers=4, cls_token_id=1, sep_token_id=2, **SMALL, **TOKENS)
    ),
    "vit": lambda: ViTModel(ViTConfig(num_hidden_layers=4, image_size=32, patch_size=8, **SMALL)),
}
INPUTS = {"vit": {"pixel_values": torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))}}
IDS = {"input_ids": torch.arange(3, 13).reshape(2, 5)}


def saved(family: str, shard: str = "50GB") -> tuple[PreTrainedModel, Path]:
    torch.manual_seed(0)
    model = FAMILIES[family]().eval()
    model.save_pretrained("whole", max_shard_size=shard)
    return model, Path("whole")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shard", ["50GB", "5KB"])
def test_the_hidden_states_are_those_of_the_first_layers(family: str, shard: str) -> None:
    model, whole = saved(family, shard)
    cut = first_layers(whole, 2, Path("cache"))
    assert check_folder(cut).config == {**json.loads((cut / "config.json").read_text())}
    smaller, report = AutoModel.from_pretrained(cut, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert smaller.config.num_hidden_layers == 2
    for child in (model, smaller):  # what comes after the stack
        for norm in ("ln_f", "norm", "final_norm", "layernorm"):
            if hasattr(child, norm):
                setattr(child, norm, torch.nn.Identity())
    inputs = INPUTS.get(family, IDS)
    with torch.inference_mode():
        expected = model(**inputs, output_hidden_states=True).hidden_states[2]
        torch.testing.assert_close(smaller.eval()(**inputs).last_hidden_state, expected)


def test_other_tensors_and_files_keep_their_bytes_and_the_source_is_not_touched() -> None:
    _, whole = saved("bert")
    (whole / "README.md").write_text("---\nlicense: mit\n---\n")
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    cut = first_layers(whole, 1, Path("cache"))
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before
    assert (cut / "README.md").read_bytes() == before["README.md"]
    tensors, all_tensors = load_file(cut / "model.safetensors"), load_file(whole / "model.safetensors")
    assert {name for name in all_tensors if name not in tensors} == {
        name
        for name in all_tensors
        if name.startswith(("encoder.layer.1.", "encoder.layer.2.", "encoder.layer.3."))
    }
    assert all(torch.equal(tensor, all_tensors[name]) for name, tensor in tensors.items())


def test_it_is_made_once_and_again_where_the_base_changed() -> None:
    _, whole = saved("bert")
    first = first_layers(whole, 2, Path("cache"))
    assert first_layers(whole, 2, Path("cache")) == first
    assert first_layers(whole, 3, Path("cache")) != first
    (whole / "README.md").write_text("another")
    assert first_layers(whole, 2, Path("cache")) != first


@pytest.mark.parametrize("layers", [4, 5])
def test_no_fewer_layers_are_refused(layers: int) -> None:
    with pytest.raises(BaseModelError, match=f"keeps {layers} of 4 layers; give fewer"):
        first_layers(saved("bert")[1], layers, Path("cache"))


def test_a_base_that_is_no_stack_of_equal_layers_is_refused() -> None:
    ResNetModel(ResNetConfig(depths=[1, 1], hidden_sizes=[8, 8], embedding_size=8)).save_pretrained("resnet")
    with pytest.raises(BaseModelError, match="states no number of layers"):
        first_layers(Path("resnet"), 1, Path("cache"))


def test_a_config_that_does_not_match_the_weights_is_refused_and_leaves_nothing() -> None:
    _, whole = saved("bert")
    config = json.loads((whole / "config.json").read_text())
    (whole / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 6}))
    with pytest.raises(BaseModelError, match="hold 0 stacks of 6 layers"):
        first_layers(whole, 2, Path("cache"))
    assert not [path for path in Path("cache").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [("config.json", b"{", "not valid JSON"), ("model.safetensors", b"damaged!" * 3, "its weights:")],
)
def test_damaged_files_are_named(name: str, content: bytes, complaint: str) -> None:
    _, whole = saved("bert")
    (whole / name).write_bytes(content)
    with pytest.raises(BaseModelError, match=complaint):
        first_layers(whole, 2, Path("cache"))
