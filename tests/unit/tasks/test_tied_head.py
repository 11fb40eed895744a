"""Heads of language models that are tied, or not, whatever the config says."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.tasks.shared.hf_loading import load_config, load_weights
from teacherspec.tasks.shared.hf_saving import save_pretrained
from teacherspec.tasks.shared.tied_head import is_tied, state_tied_head
from tests.pipeline.vision_language.toys import model as vision_language_model
from tests.toys.language_models import SHAPE, tiny_model, tiny_tokenizer

IDS = torch.tensor([[1, 5, 7, 3, 9]])


def contradicting(folder: Path, family: str) -> Path:
    """A base whose config says tied, with a head of its own, as merges of adapters leave it."""
    model = tiny_model(family)
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    shape = model.get_output_embeddings().weight.shape
    tensors["lm_head.weight"] = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "tie_word_embeddings": True})
    return folder


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2"])
def test_a_head_with_values_of_its_own_is_stated_as_untied(family, tmp_path):
    base = contradicting(tmp_path / "base", family)
    model = load_weights(AutoModelForCausalLM, base, load_config(base, None, None), new_head=False)
    assert is_tied(model) is False
    own = load_file(base / "model.safetensors")["lm_head.weight"]
    assert torch.equal(model.get_output_embeddings().weight, own)
    model.tie_weights()
    assert torch.equal(model.get_output_embeddings().weight, own), "also after a resized vocabulary"
    save_pretrained(model, tiny_tokenizer(), tmp_path / "saved")
    assert AutoConfig.from_pretrained(tmp_path / "saved").tie_word_embeddings is False
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    with torch.inference_mode():
        assert torch.equal(model(IDS).logits, again(IDS).logits)


def test_a_tied_head_stays_tied(tmp_path):
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True))
    assert is_tied(model) is True
    assert not state_tied_head(model)
    save_pretrained(model, tiny_tokenizer(), tmp_path / "saved")
    assert read_json(tmp_path / "saved/config.json")["tie_word_embeddings"] is True
    assert "lm_head.weight" not in load_file(tmp_path / "saved/model.safetensors")


def test_training_that_unties_a_head_is_stated(tmp_path):
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True))
    model.get_output_embeddings().weight = torch.nn.Parameter(torch.ones(SHAPE["vocab_size"], 32))
    save_pretrained(model, tiny_tokenizer(), tmp_path / "saved")
    assert read_json(tmp_path / "saved/config.json")["tie_word_embeddings"] is False


def test_both_configs_of_a_model_of_several_parts_say_the_same():
    model = vision_language_model()
    model.config.tie_word_embeddings, model.config.text_config.tie_word_embeddings = False, True
    assert state_tied_head(model)
    assert model.config.text_config.tie_word_embeddings is False
    assert not state_tied_head(model)


def test_models_without_a_head_are_left_alone():
    assert is_tied(tiny_model("llama").model) is None
