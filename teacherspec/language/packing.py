"""Several sequences in one row of a batch, none of which sees another.

Position ids that start again at 0 are how transformers 5 knows where a packed sequence begins: without an
attention mask it then builds a block-diagonal one. An all-ones mask would silently let sequences read each
other, so no mask is passed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

IGNORE_INDEX = -100

SUPERVISED = "supervised"
"""Name of the batch's entry that says at which positions the model is asked."""


class Example(NamedTuple):
    """One encoded conversation.

    Attributes:
        input_ids: `[L]`.
        supervised: `[L]`, 1 for each token that is learned.
    """

    input_ids: Sequence[int]
    supervised: Sequence[int]


def packs(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Which sequences share a row: as few rows of about equal length as the capacity allows.

    Longest first, each to the emptiest row (Graham 1969). The order is fixed by lengths and places alone.

    Args:
        lengths: tokens of each sequence.
        capacity: longest row, tokens; a longer sequence gets a row of its own.

    Returns:
        Indices of the sequences of each row, ascending.
    """
    order = sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))
    capacity = max(capacity, lengths[order[0]])
    count = -(-sum(lengths) // capacity)
    while True:
        rows: list[list[int]] = [[] for _ in range(count)]
        filled = [0] * count
        for at in order:
            row = min(range(count), key=lambda row: (filled[row], row))
            rows[row].append(at)
            filled[row] += lengths[at]
        if max(filled) <= capacity:
            return [sorted(row) for row in rows]
        count += 1


def pack(examples: Sequence[Example], *, capacity: int | None, pad_id: int) -> "Mapping[str, torch.Tensor]":
    """One batch in which every supervised position is asked once, in the order of the examples.

    Args:
        examples: B sequences.
        capacity: longest row, tokens; None puts every sequence into a row of its own, in their order.
        pad_id: fills rows up; it is a sequence of its own, which nothing is asked of.

    Returns:
        `input_ids`, `position_ids` `[R, L]`; `supervised` `[U]`, positions in the flattened `[R·L]` whose
        next token is asked; `labels` `[1, 1 + U]`, those next tokens behind one -100, as Trainer counts the
        labels of language models from the second on.
    """
    import torch

    lengths = [len(example.input_ids) for example in examples]
    rows = [[at] for at in range(len(lengths))] if capacity is None else packs(lengths, capacity)
    width = max(sum(len(examples[at].input_ids) for at in row) for row in rows)
    ids = torch.full((len(rows), width), pad_id)
    positions = torch.zeros((len(rows), width), dtype=torch.long)
    asked: list[list[int]] = [[] for _ in examples]
    for number, row in enumerate(rows):
        begin = 0
        for at in row:
            tokens = examples[at].input_ids
            end = begin + len(tokens)
            ids[number, begin:end] = torch.tensor(tokens)
            positions[number, begin:end] = torch.arange(len(tokens))
            asked[at] = [number * width + begin + t - 1 for t in _learned(examples[at])]
            begin = end
        positions[number, begin:] = torch.arange(width - begin)
    labels = [examples[at].input_ids[t] for at in range(len(examples)) for t in _learned(examples[at])]
    return {
        "input_ids": ids,
        "position_ids": positions,
        SUPERVISED: torch.tensor([place for places in asked for place in places], dtype=torch.long),
        "labels": torch.tensor([[IGNORE_INDEX, *labels]]),
    }


def _learned(example: Example) -> list[int]:
    """Tokens `t >= 1` that are learned; each is asked at position t - 1. The first has nothing before it."""
    return [t for t, learned in enumerate(example.supervised) if learned and t > 0]


def counts(examples: Sequence[Example]) -> list[int]:
    """How many of the batch's units each example has, to take them apart again."""
    return [len(_learned(example)) for example in examples]


def useful_share(batch: "Mapping[str, torch.Tensor]", examples: Sequence[Example]) -> float:
    """Share of a batch's positions that hold a token of an example."""
    return sum(len(example.input_ids) for example in examples) / batch["input_ids"].numel()
