"""Writes tiny language models as GGUF files with the names and the order of rows of llama.cpp's converter."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerFast

gguf = pytest.importorskip("gguf", reason="gguf is in requirements-dev.txt")

PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
CONTROL, NORMAL, UNUSED = 3, 1, 5


def gguf_name(name: str) -> str:
    """Name of a parameter of a Llama-like model in a GGUF."""
    stem, kind = name.rsplit(".", 1)
    if stem in WHOLE:
        return f"{WHOLE[stem]}.{kind}"
    _, _, number, part = stem.split(".", 3)
    return f"blk.{number}.{PARTS[part]}.{kind}"


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection in the order that llama.cpp rotates them in."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def tensors_of(model: PreTrainedModel) -> dict[str, np.ndarray]:
    """The weights of a model by their names in a GGUF, tied ones once."""
    config = model.config
    found: dict[str, np.ndarray] = {}
    for name, tensor in model.named_parameters():
        values = tensor.detach().float().numpy()
        if config.model_type == "llama" and ".q_proj." in name:
            values = interleaved(values, config.num_attention_heads)
        if config.model_type == "llama" and ".k_proj." in name:
            values = interleaved(values, config.num_key_value_heads)
        found[gguf_name(name)] = values
    return found


def write_gguf(
    path: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast | None,
    *,
    stored_as: str = "F32",
    tensors: Mapping[str, np.ndarray | None] = {},
    settings: Mapping[str, Any] = {},
    general: Mapping[str, str] = {},
    words: str = "gpt-2",
    architecture: str | None = None,
) -> Path:
    """Write `model` to `path`.

    Args:
        path: the file.
        model: Llama, Qwen2 or Qwen3.
        tokenizer: byte-level BPE, or None to leave it out.
        stored_as: ggml type of the matrices.
        tensors: further ones or replacements; None leaves one out.
        settings: further ones or replacements of the architecture; None leaves one out.
        general: further texts of the file.
        words: `tokenizer.ggml.pre`.
        architecture: another name than that of the model.
    """
    config = model.config
    name = architecture or config.model_type
    writer = gguf.GGUFWriter(path, name)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    given = {
        "context_length": config.max_position_embeddings,
        "block_count": config.num_hidden_layers,
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "attention.key_length": head,
        "rope.freq_base": config.rope_parameters["rope_theta"],
        "vocab_size": config.vocab_size,
        **settings,
    }
    for key, value in given.items():
        if value is not None:
            add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}[type(value)]
            add(f"{name}.{key}", value)
    for key, value in general.items():
        writer.add_string(f"general.{key}", value)
    if tokenizer is not None:
        _write_tokenizer(writer, tokenizer, words, config.vocab_size)
    for key, values in {**tensors_of(model), **tensors}.items():
        if values is not None:
            kind = gguf.GGMLQuantizationType[stored_as if values.ndim == 2 else "F32"]
            writer.add_tensor(key, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_tokenizer(writer: Any, tokenizer: PreTrainedTokenizerFast, words: str, rows: int) -> None:
    parts = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    special = set(tokenizer.all_special_tokens)
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    kinds = [CONTROL if token in special else NORMAL for token in tokens]
    padding = [f"[PAD{number}]" for number in range(len(tokens), rows)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words)
    writer.add_token_list([*tokens, *padding])
    writer.add_token_types([*kinds, *(UNUSED for _ in padding)])
    writer.add_token_merges([" ".join(pair) for pair in parts["merges"]])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)
