"""What block attention needs of transformers beyond its documented interfaces."""

import inspect

import pytest
import torch

from teacherspec.text import block_attention
from teacherspec.text.block_attention import Block, sdpa_functions, use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import Example, pack
from tests.toys.language_models import tiny_model

PACKED = pack([Example([11, 12, 13], [0, 1, 1]), Example([14, 15], [0, 1])])


def test_mask_and_attention_of_transformers_take_the_arguments_that_are_passed() -> None:
    mask, attention = (inspect.signature(function).parameters for function in sdpa_functions())
    passed = {"batch_size", "q_length", "kv_length", "mask_function", "attention_mask"}
    assert passed | {"allow_is_causal_skip", "use_vmap", "device"} <= set(mask)
    assert list(attention)[:5] == ["module", "query", "key", "value", "attention_mask"]


def test_a_packed_row_gets_a_mask_function_of_row_head_query_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = []

    def noting(**given):
        noted.append(given)
        return real(**given)

    real = block_attention.blocks
    monkeypatch.setattr(block_attention, "blocks", noting)
    model = narrow_head(tiny_model("llama"))
    use_block_attention(model)
    noted.clear()
    with torch.no_grad():
        model(**{name: part for name, part in PACKED.items() if name != "labels"}, use_cache=False)
    (given,) = noted
    assert (given["batch_size"], given["q_length"], given["kv_length"]) == (1, 5, 5)
    row, head, places = torch.tensor(0), torch.tensor(0), torch.arange(5)
    attends = given["mask_function"](row, head, places[:, None], places)
    one, other = torch.tril(torch.ones(3, 3)), torch.tril(torch.ones(2, 2))
    assert attends.tolist() == torch.block_diag(one, other).bool().tolist()
    assert real(**given).rows == ((Block(3, None), Block(2, None)),)
