"""Packed sequences do not attend to each other, and the loss does not depend on the layout of a batch."""

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    set_seed,
)

from teacherspec.text.block_attention import NAME, use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import Example, pack, pad
from tests.toys.language_models import FAMILIES, SHAPE, tiny_model


def drawn(seed: int = 0) -> list[Example]:
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for length in (7, 30, 12, 3, 21, 18):
        ids = torch.randint(10, 400, (length,), generator=generator).tolist()
        supervised = [0] * (length // 2) + [1] * (length - length // 2)
        examples.append(Example(ids, supervised))
    return examples


WINDOW = 5
"""Positions that a layer with a sliding window attends to; most examples are longer."""

OTHERS = {
    "mistral, window": lambda: MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=WINDOW)),
    "qwen2, window in one layer": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1)
    ),
    "mamba": lambda: MambaForCausalLM(MambaConfig(vocab_size=400, hidden_size=32, num_hidden_layers=2)),
    "gpt_neo": lambda: GPTNeoForCausalLM(
        GPTNeoConfig(
            vocab_size=400, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global"], 2]]
        )
    ),
    "bloom": lambda: BloomForCausalLM(BloomConfig(vocab_size=400, hidden_size=32, n_layer=2, n_head=4)),
    "gemma2, capped": lambda: Gemma2ForCausalLM(
        Gemma2Config(**SHAPE, head_dim=8, sliding_window=WINDOW, attn_implementation="eager")
    ),
}
"""Bases with windowed attention, and bases that do not separate packed sequences."""

UNPACKED = {"mamba", "gpt_neo", "bloom", "gemma2, capped"}


def base(name):
    if name in FAMILIES:
        return tiny_model(name)
    set_seed(0)
    return OTHERS[name]().train(False)


def supervised_logits(model, batch):
    return model(**{k: v for k, v in batch.items() if k != "labels"}, use_cache=False).logits


@pytest.mark.parametrize("name", [*FAMILIES, *OTHERS])
def test_packed_logits_are_those_of_each_sequence_alone(name):
    model, examples = base(name), drawn()
    with torch.no_grad():
        alone = []
        for ids, supervised in examples:
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            alone.append(logits[[t - 1 for t, flag in enumerate(supervised) if flag]])
    use_block_attention(narrow_head(model))
    with torch.no_grad():
        whole = model(input_ids=torch.tensor([examples[0].input_ids]), use_cache=False).logits
        packed, padded = supervised_logits(model, pack(examples)), supervised_logits(model, pad(examples, 2))
    assert whole.shape == (1, len(examples[0].input_ids), 400), (
        "without supervised positions, all positions have logits"
    )
    assert (packed - torch.cat(alone)).abs().max() < 1e-5
    assert (padded - torch.cat(alone)).abs().max() < 1e-5
    assert (model.config._attn_implementation == NAME) == (name not in UNPACKED)


@pytest.mark.parametrize("name", ["llama", "mamba"])
def test_without_block_attention_sequences_attend_to_each_other(name):
    """Negative control: an all-ones mask, or a recurrent state, hides where sequences begin."""
    model, examples = narrow_head(base(name)), drawn()
    first, second = examples[:2]
    batch = dict(pack([first, second]))
    if name == "llama":
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    else:
        del batch["position_ids"]
    with torch.no_grad():
        mixed, alone = supervised_logits(model, batch), supervised_logits(model, pack([second]))
    assert (mixed[-len(alone) :] - alone).abs().max() > 5e-4


def test_attention_is_never_computed_over_the_whole_row(monkeypatch):
    """Packing is fast: no mask, and no more positions a call than a sequence has."""
    calls, real = [], torch.nn.functional.scaled_dot_product_attention

    def watched(query, key, value, **options):
        calls.append((query.shape[2], options["attn_mask"] is None and options["is_causal"]))
        return real(query, key, value, **options)

    model, examples = narrow_head(tiny_model("llama")), drawn()
    use_block_attention(model)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    supervised_logits(model, pack(examples))
    assert calls == [(len(one.input_ids), True) for one in examples] * model.config.num_hidden_layers


def test_a_saved_model_does_not_name_the_attention_it_was_trained_with(tmp_path):
    model = tiny_model("llama")
    use_block_attention(model)
    model.save_pretrained(tmp_path)
    assert NAME not in (tmp_path / "config.json").read_text()


def gradients(model, batches):
    model.zero_grad()
    terms = sum(int((batch["labels"] != -100).sum()) for batch in batches)
    for batch in batches:
        losses = torch.nn.functional.cross_entropy(
            supervised_logits(model, batch), batch["labels"][0, 1:], reduction="sum"
        )
        (losses / terms).backward()
    return torch.cat([p.grad.flatten().clone() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("name", ["llama", "mistral, window", "mamba"])
def test_a_step_is_the_same_however_its_batch_is_cut_and_laid_out(name):
    model, examples = narrow_head(base(name)), drawn()
    whole = gradients(model, [pack([example]) for example in examples])
    use_block_attention(model)
    for size in (6, 3, 1):
        cut = [examples[at : at + size] for at in range(0, len(examples), size)]
        assert (gradients(model, list(map(pack, cut))) - whole).norm() < 1e-5 * whole.norm()
    assert (gradients(model, [pad(examples, 2)]) - whole).norm() < 1e-5 * whole.norm()


@pytest.mark.parametrize("layout", [pack, lambda examples: pad(examples, 2)], ids=["packed", "padded"])
def test_labels_are_the_supervised_tokens_and_padding_is_never_supervised(layout):
    examples = drawn()
    batch = layout(examples)
    expected = [t for ids, flags in examples for t, flag in zip(ids, flags, strict=True) if flag]
    assert batch["labels"].tolist() == [[-100, *expected]]
    ids = batch["input_ids"].flatten()
    assert [int(ids[place + 1]) for place in batch["supervised"]] == expected
    assert all(int(batch["position_ids"].flatten()[place + 1]) > 0 for place in batch["supervised"])


def test_packing_wastes_nothing():
    examples = drawn()
    assert pack(examples)["input_ids"].shape == (1, sum(len(one.input_ids) for one in examples))
