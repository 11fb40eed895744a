"""Several sequences in one row of a batch, none of which sees another.

Position ids that start again at 0 are how transformers 5 knows where a packed sequence begins, where no
attention mask is passed: an all-ones mask would silently let sequences read each other. That a model heeds
them is seen to by `apart`.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
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


def pack(examples: Sequence[Example]) -> "Mapping[str, torch.Tensor]":
    """One row without padding in which every supervised position is asked once, in the order of the examples.

    Args:
        examples: B sequences, T tokens in sum.

    Returns:
        `input_ids`, `position_ids` `[1, T]`; `supervised` `[U]`, positions whose next token is asked;
        `labels` `[1, 1 + U]`, those next tokens behind one -100, as Trainer counts the labels of language
        models from the second on.
    """
    import torch

    begins = [0, *accumulate(len(example.input_ids) for example in examples)]
    return {
        "input_ids": torch.tensor([[token for example in examples for token in example.input_ids]]),
        "position_ids": torch.tensor(
            [[place for example in examples for place in range(len(example.input_ids))]]
        ),
        **_asked(examples, begins),
    }


def pad(examples: Sequence[Example], pad_id: int) -> "Mapping[str, torch.Tensor]":
    """The same with a row for each of B examples, L tokens the longest; the others are padded on the right.

    Args:
        examples: B sequences.
        pad_id: fills rows up; it is a sequence of its own, which nothing is asked of.

    Returns:
        `input_ids`, `position_ids` `[B, L]`; `supervised` `[U]`, places in the flattened `[B·L]`; `labels`.
    """
    import torch

    width = max(len(example.input_ids) for example in examples)
    gaps = [width - len(example.input_ids) for example in examples]
    return {
        "input_ids": torch.tensor(
            [[*one.input_ids, *[pad_id] * gap] for one, gap in zip(examples, gaps, strict=True)]
        ),
        "position_ids": torch.tensor([[*range(width - gap), *range(gap)] for gap in gaps]),
        **_asked(examples, range(0, width * len(examples), width)),
    }


def _asked(examples: Sequence[Example], begins: Sequence[int]) -> "dict[str, torch.Tensor]":
    import torch

    asked = [
        (begin + t - 1, one.input_ids[t])
        for one, begin in zip(examples, begins, strict=False)
        for t in _learned(one)
    ]
    return {
        SUPERVISED: torch.tensor([place for place, _ in asked], dtype=torch.long),
        "labels": torch.tensor([[IGNORE_INDEX, *(token for _, token in asked)]]),
    }


def _learned(example: Example) -> list[int]:
    """Tokens `t >= 1` that are learned; each is asked at position t - 1. The first has nothing before it."""
    return [t for t, learned in enumerate(example.supervised) if learned and t > 0]


def counts(examples: Sequence[Example]) -> list[int]:
    """How many of the batch's units each example has, to take them apart again."""
    return [len(_learned(example)) for example in examples]
