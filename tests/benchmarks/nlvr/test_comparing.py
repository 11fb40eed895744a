"""What is learned from many pairs at once is what the model computes of each pair."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

from benchmarks.nlvr import comparing
from benchmarks.nlvr.answering import packed
from tests.benchmarks.nlvr.conftest import IMAGE, VOCABULARY

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

    Make = Callable[[int], LlavaForConditionalGeneration]


def alone(model: "LlavaForConditionalGeneration", said: list[int], picture: torch.Tensor) -> torch.Tensor:
    """Logits after a picture and a statement, nothing beside them."""
    shown = [IMAGE] * comparing.parts(model.config.vision_config)
    return model(input_ids=torch.tensor([shown + said]), pixel_values=picture[None]).logits[0, -1]


def test_all_pairs_at_once_are_the_model_on_each(make_llava: "Make", monkeypatch: pytest.MonkeyPatch) -> None:
    """With no layer before the comparing one, nothing is left out."""
    model = make_llava(1)
    monkeypatch.setattr(comparing, "READ_AT", 0)
    ids, mask = torch.randint(4, VOCABULARY, (3, 6)), torch.ones(3, 6, dtype=torch.long)
    mask[1, 4:] = 0
    pixels = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        at_once = comparing.compared(model, ids, mask, pixels)
        for statement, picture in torch.cartesian_prod(torch.arange(3), torch.arange(2)).tolist():
            said = ids[statement, : int(mask[statement].sum())].tolist()
            torch.testing.assert_close(
                at_once[statement, picture], alone(model, said, pixels[picture]), atol=1e-4, rtol=1e-4
            )


@pytest.mark.parametrize("apart", [True, False])
def test_statements_in_one_sequence_are_the_model_on_each(make_llava: "Make", apart: bool) -> None:
    """Of any length; where they see each other, as without the mask, all but the first differ."""
    model, pixels = make_llava(2), torch.randn(2, 3, 8, 8)
    said = [[[5, 6, 7], [8, 9, 10, 11, 12], [13]], [[14, 15], [16, 17], [18, 19]]]
    asked = packed([IMAGE] * comparing.parts(model.config.vision_config), said, padding=0)
    mask = {"attention_mask": asked.mask} if apart else {}
    with torch.no_grad():
        hidden = model.model(
            input_ids=asked.ids, position_ids=asked.positions, pixel_values=pixels, **mask
        ).last_hidden_state
        logits = model.lm_head(hidden[asked.ends]).unflatten(0, (2, 3))
        same = [
            [
                torch.allclose(logits[row, place], alone(model, text, pixels[row]), atol=1e-4)
                for place, text in enumerate(texts)
            ]
            for row, texts in enumerate(said)
        ]
    assert same == [[True, apart, apart]] * 2
