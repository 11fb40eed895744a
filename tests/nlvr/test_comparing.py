"""What is learned from all pairs at once is what the model computes of each pair."""

import pytest
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from benchmarks.nlvr import comparing

IMAGE = 3


def test_all_pairs_at_once_are_the_model_on_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no layer before the comparing one, nothing is left out."""
    torch.manual_seed(0)
    wide = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = CLIPVisionConfig(**wide, image_size=8, patch_size=4)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision,
            text_config=LlamaConfig(**wide, vocab_size=32, initializer_range=0.5),
            image_token_index=IMAGE,
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
        )
    ).eval()
    monkeypatch.setattr(comparing, "READ_AT", 0)
    ids, mask = torch.randint(4, 32, (3, 6)), torch.ones(3, 6, dtype=torch.long)
    mask[1, 4:] = 0
    pixels, shown = torch.randn(2, 3, 8, 8), [IMAGE] * comparing.parts(vision)
    with torch.no_grad():
        at_once = comparing.compared(model, ids, mask, pixels)
        for statement, picture in torch.cartesian_prod(torch.arange(3), torch.arange(2)).tolist():
            said = ids[statement, : int(mask[statement].sum())].tolist()
            tokens = torch.tensor([shown + said])
            alone = model(input_ids=tokens, pixel_values=pixels[picture : picture + 1]).logits[0, -1]
            torch.testing.assert_close(at_once[statement, picture], alone, atol=1e-4, rtol=1e-4)
