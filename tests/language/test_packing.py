"""Packed sequences see nothing of each other, and the loss does not care how a batch is laid out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.language.head import narrow_head
from teacherspec.language.packing import Example, pack, packs, useful_share
from tests.language.tiny import FAMILIES, tiny_model


def drawn(seed: int = 0) -> list[Example]:
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for length in (7, 30, 12, 3, 21, 18):
        ids = torch.randint(10, 400, (length,), generator=generator).tolist()
        learned = [0] * (length // 2) + [1] * (length - length // 2)
        examples.append(Example(ids, learned))
    return examples


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 60))
def test_every_sequence_is_packed_once_and_no_row_overflows(lengths, capacity):
    rows = packs(lengths, capacity)
    assert sorted(at for row in rows for at in row) == list(range(len(lengths)))
    assert all(sum(lengths[at] for at in row) <= max(capacity, *lengths) for row in rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_logits_are_those_of_each_sequence_alone(family):
    model, examples = narrow_head(tiny_model(family)), drawn()
    with torch.no_grad():
        batch = pack(examples, capacity=60, pad_id=2)
        assert batch["input_ids"].shape[0] < len(examples)
        packed = model(**{k: v for k, v in batch.items() if k != "labels"}, use_cache=False).logits
        alone = []
        for ids, learned in examples:
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            assert logits.shape == (len(ids), 400)  # unasked, the head answers everywhere
            alone.append(logits[[t - 1 for t, flag in enumerate(learned) if flag]])
    assert (packed - torch.cat(alone)).abs().max() < 1e-5
    # Negative control: an all-ones mask hides where sequences begin.
    with torch.no_grad():
        blind = {**batch, "attention_mask": torch.ones_like(batch["input_ids"])}
        mixed = model(**{k: v for k, v in blind.items() if k != "labels"}, use_cache=False).logits
    assert (mixed - torch.cat(alone)).abs().max() > 1e-2


def gradients(model, batches):
    model.zero_grad()
    units = sum(int((batch["labels"] != -100).sum()) for batch in batches)
    for batch in batches:
        logits = model(**{k: v for k, v in batch.items() if k != "labels"}, use_cache=False).logits
        losses = torch.nn.functional.cross_entropy(logits, batch["labels"][0, 1:], reduction="sum")
        (losses / units).backward()
    return torch.cat([p.grad.flatten().clone() for p in model.parameters() if p.grad is not None])


def test_a_step_is_the_same_however_its_batch_is_cut_and_packed():
    model, examples = narrow_head(tiny_model("llama")), drawn()
    whole = gradients(model, [pack(examples, capacity=1, pad_id=2)])
    for capacity, size in ((1000, 6), (40, 6), (40, 3), (1, 1)):
        cut = [
            pack(examples[at : at + size], capacity=capacity, pad_id=2)
            for at in range(0, len(examples), size)
        ]
        assert (gradients(model, cut) - whole).norm() < 1e-5 * whole.norm()


def test_labels_are_the_learned_tokens_and_the_padding_is_never_asked():
    examples = drawn()
    batch = pack(examples, capacity=40, pad_id=2)
    learned = [t for ids, flags in examples for t, flag in zip(ids, flags, strict=True) if flag]
    assert batch["labels"].tolist() == [[-100, *learned]]
    ids = batch["input_ids"].flatten()
    assert [int(ids[place + 1]) for place in batch["supervised"]] == learned


def test_packs_waste_little():
    examples = [Example([5] * length, [1] * length) for length in range(20, 120)]
    assert useful_share(pack(examples, capacity=512, pad_id=2), examples) > 0.95
