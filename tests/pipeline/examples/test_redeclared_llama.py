"""`examples/smollm2/redeclare.py`: Mistral and Qwen2 compute what the Llama did whose weights they got."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, set_seed

from tests.toys.language_models import CHATML, SHAPE, tiny_tokenizer

ROOT = Path(__file__).parents[3]
TOKENS = torch.arange(64).reshape(2, 32)


def program(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=TOKENS).logits


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tied, with the base of its rotary positions and the epsilon of its norms unlike any default."""
    folder = tmp_path_factory.mktemp("llama")
    set_seed(0)
    unusual = {"rope_parameters": {"rope_type": "default", "rope_theta": 321.0}, "rms_norm_eps": 1e-3}
    config = LlamaConfig(**SHAPE, **unusual, tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer(CHATML).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_logits_and_tokens_are_those_of_the_llama(family: str, llama: Path, tmp_path: Path) -> None:
    program("examples/smollm2/redeclare.py").redeclare(llama, family, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert model.config.model_type == family
    assert model.config.tie_word_embeddings
    given = logits(AutoModelForCausalLM.from_pretrained(llama))
    torch.testing.assert_close(logits(model), given, rtol=0, atol=1e-4)
    assert float(given.std()) > 0.05, "the comparison would see a difference"
    assert (tmp_path / "tokenizer.json").read_bytes() == (llama / "tokenizer.json").read_bytes()
