"""The Llama that is measured, its rows and their operations; real, and tiny for a test on a CPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from teacherspec.text.packing import Example

PAD = 1


@dataclass(frozen=True)
class Sizes:
    """What one run computes.

    Attributes:
        device: `cuda` or `cpu`.
        hidden: width.
        inner: width of the feed-forward layers.
        layers: number of blocks.
        heads: of queries.
        key_heads: of keys and values.
        vocabulary: rows of the head.
        longest: tokens of the longest row.
        batch: rows of a step.
        steps: timed ones; two more warm up.
        gemm: rows and columns of the product whose rate is the peak.
    """

    device: str
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    longest: int
    batch: int
    steps: int
    gemm: int

    @property
    def config(self) -> LlamaConfig:
        """Of the model, head tied to the embeddings."""
        return LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.key_heads,
            max_position_embeddings=self.longest,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=PAD,
            pad_token_id=PAD,
        )


REAL = Sizes("cuda", 2048, 8192, 16, 32, 8, 49_152, 2048, 16, 10, 8192)
"""Llama 3.2 1B's blocks and a vocabulary of 49,152: 1.07 billion parameters."""

TINY = Sizes("cpu", 32, 64, 2, 4, 2, 256, 64, 4, 2, 64)


def model(sizes: Sizes, dtype: torch.dtype = torch.float32) -> Any:
    """Random weights, drawn on the device."""
    set_seed(0)
    with torch.device(sizes.device):
        return LlamaForCausalLM(sizes.config).to(dtype)


def rows(sizes: Sizes, count: int) -> list[Example]:
    """Rows of random tokens; lengths are log-normal as those of instructions, 40 % of each is supervised."""
    draw = np.random.default_rng(0)
    found = []
    drawn = np.exp(draw.normal(np.log(sizes.longest / 6), 0.8, count)).round().astype(int)
    for length in drawn.clip(8, sizes.longest).tolist():
        supervised = max(1, int(0.4 * length))
        ids = draw.integers(2, sizes.vocabulary, length).tolist()
        found.append(Example(ids, [0] * (length - supervised) + [1] * supervised))
    return found


def tokenizer(sizes: Sizes) -> PreTrainedTokenizerFast:
    """A word for every id: what trainers ask of a tokenizer, although rows are token ids already."""
    from tokenizers import Tokenizer, models

    words = {f"<{number}>": number for number in range(sizes.vocabulary)}
    first, end = "<0>", f"<{PAD}>"
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token=first)),
        bos_token=first,
        eos_token=end,
        pad_token=end,
    )


def operations(sizes: Sizes, examples: Sequence[Example]) -> float:
    """Of the matrix products that no program can do without: forward and twice backward.

    The head counts at supervised positions, attention within each row, half of it causal.
    """
    lengths = [len(one.input_ids) for one in examples]
    size = sizes.hidden // sizes.heads
    attention = 2 * sizes.hidden * (sizes.heads + sizes.key_heads) * size
    block = attention + 3 * sizes.hidden * sizes.inner
    scores = sum(length**2 for length in lengths) * sizes.hidden * sizes.layers
    head = sum(sum(one.supervised) for one in examples) * sizes.hidden * sizes.vocabulary
    return 6.0 * (block * sizes.layers * sum(lengths) + head + scores)
