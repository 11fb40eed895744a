"""A student that writes: a smaller Llama from scratch over the tokens of the teacher."""

from typing import Any

import torch

from teacherspec.probe.generation.rows import ProbeTokens
from teacherspec.spec.probe.language_students import SmallLlama

FEED_FORWARD = 4
"""Width of the feed-forward layers over that of the model."""


def build(student: SmallLlama, rows: ProbeTokens, seed: int) -> Any:
    """The student with the weights of a seed; input and output embeddings are the same."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=rows.vocabulary,
        hidden_size=student.width,
        intermediate_size=FEED_FORWARD * student.width,
        num_hidden_layers=student.layers,
        num_attention_heads=student.heads,
        num_key_value_heads=student.heads,
        max_position_embeddings=rows.longest,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)
