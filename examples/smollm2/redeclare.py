"""Write the weights of a Llama under the architecture of Mistral or Qwen2, which computes the same.

    python examples/smollm2/redeclare.py SmolLM2-135M-Instruct.Q4_1.gguf mistral models/smollm2-as-mistral

Mistral has Llama's tensors under the same names. Qwen2's queries, keys and values also have biases, which are
zero here. So the code of these families runs on weights that answer; they are still those of the Llama, and
nothing of the families' own training is in them.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, Qwen2Config

from teacherspec.model_files.gguf.convert import convert_once

SHARED = (
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "pad_token_id",
    "rms_norm_eps",
    "rope_parameters",
    "tie_word_embeddings",
    "vocab_size",
)
"""Settings of the same name and meaning in the three architectures."""

CONFIGS: Mapping[str, Callable[[LlamaConfig], MistralConfig | Qwen2Config]] = {
    "mistral": lambda config: MistralConfig(
        **shared(config), head_dim=config.head_dim, sliding_window=None, architectures=["MistralForCausalLM"]
    ),
    "qwen2": lambda config: Qwen2Config(
        **shared(config), use_sliding_window=False, architectures=["Qwen2ForCausalLM"]
    ),
}


def shared(config: LlamaConfig) -> dict[str, object]:
    """The settings that carry over."""
    return {name: getattr(config, name) for name in SHARED}


def redeclare(folder: Path, family: str, target: Path) -> None:
    """Write the Llama in `folder` to `target` as a model of `family`, with its tokenizer."""
    llama = LlamaForCausalLM.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(CONFIGS[family](llama.config))
    given = llama.state_dict()
    biases = {
        name: torch.zeros_like(value) for name, value in model.state_dict().items() if name not in given
    }
    if unexpected := sorted(name for name in biases if not name.endswith("_proj.bias")):
        raise SystemExit(f"{folder}: {family} has {unexpected[0]}, which Llama has not")
    model.load_state_dict({**given, **biases}, strict=True)
    model.save_pretrained(target)
    for file in folder.iterdir():
        if file.name.startswith(("tokenizer", "chat_template", "README", "LICENSE", "NOTICE")):
            shutil.copyfile(file, target / file.name)


if __name__ == "__main__":
    redeclare(convert_once(Path(sys.argv[1]), Path(".scratch/base")), sys.argv[2], Path(sys.argv[3]))
