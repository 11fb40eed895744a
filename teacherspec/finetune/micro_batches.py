"""Which examples a step learns from: the same in any number of processes and micro-batches.

Seed and epoch alone decide the order. Transformers' own sampler by length draws it from the generator that
dropout draws from: processes would disagree on it, and a training resumed within an epoch would see other
rows than the one that was killed. accelerate's sharding fills the last batch up with rows of the first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.finetune.losses import IGNORE_INDEX
from teacherspec.runtime.machine import Placement

if TYPE_CHECKING:
    import torch

Batch = Mapping[str, "torch.Tensor"]


class Silent(NamedTuple):
    """An example of a micro-batch that teaches nothing: it keeps a process in step with the others."""

    example: Mapping[str, Any]


class WithSilent:
    """Examples; index `~i`, which is negative, gives example `i` as a silent one."""

    def __init__(self, examples: Any) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        return self.examples[index] if index >= 0 else Silent(self.examples[~index])


def silencing(collate: Callable[[list[Any]], Batch]) -> Callable[[list[Any]], Batch]:
    """`collate`, with every label of a silent micro-batch ignored."""

    def collate_batch(examples: list[Any]) -> Batch:
        if not isinstance(examples[0], Silent):
            return collate(examples)
        import torch

        batch = dict(collate([one.example for one in examples]))
        batch["labels"] = torch.full_like(batch["labels"], IGNORE_INDEX)
        return batch

    return collate_batch


class MicroBatches:
    """The micro-batches of one process in an epoch, as lists of indices; a PyTorch batch sampler.

    A step takes the next `batch_size` rows of the order, cuts them into micro-batches and deals these out to
    the processes in turn. Where rows run out, a process gets a silent copy of the step's first micro-batch.
    """

    def __init__(
        self,
        count: int,
        lengths: Sequence[int] | None,
        batch_size: int,
        placement: Placement,
        *,
        seed: int,
        rank: int,
        processes: int,
    ) -> None:
        self.count, self.lengths, self.batch_size, self.placement = count, lengths, batch_size, placement
        self.seed, self.rank, self.processes = seed, rank, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Give the order of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        whole, rest = divmod(self.count, self.batch_size)
        return whole * self.placement.accumulation + self._rounds(rest)

    def __iter__(self) -> Iterator[list[int]]:
        order = epoch_order(self.count, self.lengths, self.batch_size, self.seed + self.epoch)
        micro = self.placement.micro_batch
        for start in range(0, self.count, self.batch_size):
            step = order[start : start + self.batch_size]
            dealt = [step[at : at + micro] for at in range(0, len(step), micro)]
            for turn in range(self._rounds(len(step))):
                place = turn * self.processes + self.rank
                yield dealt[place] if place < len(dealt) else [~index for index in dealt[0]]

    def _rounds(self, rows: int) -> int:
        """Micro-batches of each process that a step over so many rows takes."""
        return -(-rows // (self.placement.micro_batch * self.processes))


def epoch_order(count: int, lengths: Sequence[int] | None, batch_size: int, seed: int) -> list[int]:
    """All examples in random order; where they have lengths, with those of a step of about the same.

    Args:
        count: of the examples.
        lengths: of each, or None where all are alike.
        batch_size: examples of a step.
        seed: of this epoch's draw.
    """
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    generator = torch.Generator().manual_seed(seed)
    if lengths is None:
        order: list[int] = torch.randperm(count, generator=generator).tolist()
        return order
    grouped: list[int] = get_length_grouped_indices(lengths, batch_size, generator=generator)
    return grouped
