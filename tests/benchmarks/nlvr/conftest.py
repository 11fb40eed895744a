"""A tiny LLaVA."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

IMAGE = 3
VOCABULARY = 32


@pytest.fixture
def make_llava() -> "Callable[[int], LlavaForConditionalGeneration]":
    """A LLaVA with so many layers, whose picture is five tokens."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    def make(layers: int) -> LlavaForConditionalGeneration:
        torch.manual_seed(0)
        wide = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}
        return LlavaForConditionalGeneration(
            LlavaConfig(
                vision_config=CLIPVisionConfig(**wide, num_hidden_layers=1, image_size=8, patch_size=4),
                text_config=LlamaConfig(
                    **wide, num_hidden_layers=layers, vocab_size=VOCABULARY, initializer_range=0.5
                ),
                image_token_index=IMAGE,
                vision_feature_layer=-1,
                vision_feature_select_strategy="full",
            )
        ).eval()

    return make
