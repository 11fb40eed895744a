"""Several sequences in one row of a batch, none of which attends to another.

Where no attention mask is passed, transformers 5 takes position ids that restart at 0 for the begin of a
packed sequence; an all-ones mask would silently let sequences attend to each other. `block_attention` makes
sure that every model respects them.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

IGNORE_INDEX = -100

SUPERVISED = "supervised"
"""Name of the batch's entry that holds the positions whose next token is supervised."""


class Example(NamedTuple):
    """One encoded conversation.

    Attributes:
        input_ids: `[L]`.
        supervised: `[L]`, 1 for each supervised token.
    """

    input_ids: Sequence[int]
    supervised: Sequence[int]


def pack(examples: Sequence[Example]) -> "Mapping[str, torch.Tensor]":
    """One row without padding, the supervised positions in the order of the examples.

    Args:
        examples: B sequences, T tokens in sum.

    Returns:
        `input_ids`, `position_ids` `[1, T]`; `supervised` `[U]`, positions whose next token is supervised;
        `labels` `[1, 1 + U]`, those next tokens after one -100, as Trainer counts the labels of language
        models from the second on.
    """
    import torch

    begins = [0, *accumulate(len(example.input_ids) for example in examples)]
    return {
        "input_ids": torch.tensor([[token for example in examples for token in example.input_ids]]),
        "position_ids": torch.tensor(
            [[place for example in examples for place in range(len(example.input_ids))]]
        ),
        **_supervised_inputs(examples, begins),
    }


def pad(examples: Sequence[Example], pad_id: int) -> "Mapping[str, torch.Tensor]":
    """The same with a row for each of B examples, L tokens the longest; the others are padded on the right.

    Args:
        examples: B sequences.
        pad_id: fills rows up, as a sequence of its own without supervised tokens.

    Returns:
        `input_ids`, `position_ids` `[B, L]`; `supervised` `[U]`, positions in the flattened `[B·L]`;
        `labels`.
    """
    import torch

    width = max(len(example.input_ids) for example in examples)
    gaps = [width - len(example.input_ids) for example in examples]
    return {
        "input_ids": torch.tensor(
            [[*one.input_ids, *[pad_id] * gap] for one, gap in zip(examples, gaps, strict=True)]
        ),
        "position_ids": torch.tensor([[*range(width - gap), *range(gap)] for gap in gaps]),
        **_supervised_inputs(examples, range(0, width * len(examples), width)),
    }


def _supervised_inputs(examples: Sequence[Example], begins: Sequence[int]) -> "dict[str, torch.Tensor]":
    import torch

    supervised = [
        (begin + t - 1, one.input_ids[t])
        for one, begin in zip(examples, begins, strict=False)
        for t in _supervised_places(one)
    ]
    return {
        SUPERVISED: torch.tensor([place for place, _ in supervised], dtype=torch.long),
        "labels": torch.tensor([[IGNORE_INDEX, *(token for _, token in supervised)]]),
    }


def _supervised_places(example: Example) -> list[int]:
    """Supervised tokens `t >= 1`, each predicted at position t - 1; nothing predicts the first."""
    return [t for t, flag in enumerate(example.supervised) if flag and t > 0]


def counts(examples: Sequence[Example]) -> list[int]:
    """Number of loss terms of each example, to split those of a batch by example."""
    return [len(_supervised_places(example)) for example in examples]
