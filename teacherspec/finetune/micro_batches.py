"""Which examples a step trains on: the same in any number of processes and micro-batches.

Only seed and epoch decide the order. Transformers' own sampler by length draws from the generator that
dropout uses: processes would disagree on the order, and a training resumed within an epoch would see other
rows than the one that was killed. accelerate's sharding repeats rows of the first batch to fill up the last
one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.finetune.losses import IGNORE_INDEX
from teacherspec.runtime.machine import BatchLayout

if TYPE_CHECKING:
    import torch

Batch = Mapping[str, "torch.Tensor"]


class Ignored(NamedTuple):
    """An example whose labels are ignored: it gives a process as many micro-batches as the others have."""

    example: Mapping[str, Any]


class IgnorableExamples:
    """A data set in which index `~i`, which is negative, gives example `i` with its labels ignored."""

    def __init__(self, examples: Any) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        return self.examples[index] if index >= 0 else Ignored(self.examples[~index])


def ignoring_collate(collate: Callable[[list[Any]], Batch]) -> Callable[[list[Any]], Batch]:
    """`collate`, with `IGNORE_INDEX` for every label of a micro-batch of ignored examples."""

    def collate_batch(examples: list[Any]) -> Batch:
        if not isinstance(examples[0], Ignored):
            return collate(examples)
        import torch

        batch = dict(collate([one.example for one in examples]))
        batch["labels"] = torch.full_like(batch["labels"], IGNORE_INDEX)
        return batch

    return collate_batch


class MicroBatches:
    """The micro-batches of one process in an epoch, as lists of indices; a PyTorch batch sampler.

    A step takes the next `batch_size` rows of the order, splits them into micro-batches and assigns these to
    the processes in turn. At the end of an epoch, a process for which none is left gets the step's first
    micro-batch once more, with its labels ignored.
    """

    def __init__(
        self,
        count: int,
        lengths: Sequence[int] | None,
        batch_size: int,
        layout: BatchLayout,
        *,
        seed: int,
        rank: int,
        processes: int,
    ) -> None:
        self.count, self.lengths, self.batch_size, self.layout = count, lengths, batch_size, layout
        self.seed, self.rank, self.processes = seed, rank, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Use the order of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(self.count, self.batch_size)
        return full * self.layout.accumulation + self._rounds(rest)

    def __iter__(self) -> Iterator[list[int]]:
        # Seeds that follow each other share no order: no training has more than a thousand epochs.
        seed = 1_000 * self.seed + self.epoch
        order = epoch_order(self.count, self.lengths, self.batch_size, seed)
        micro = self.layout.micro_batch
        for start in range(0, self.count, self.batch_size):
            step = order[start : start + self.batch_size]
            micro_batches = [step[at : at + micro] for at in range(0, len(step), micro)]
            for round_ in range(self._rounds(len(step))):
                place = round_ * self.processes + self.rank
                ignored = [~index for index in micro_batches[0]]
                yield micro_batches[place] if place < len(micro_batches) else ignored

    def _rounds(self, rows: int) -> int:
        """Micro-batches of each process in a step over `rows` rows."""
        return -(-rows // (self.layout.micro_batch * self.processes))


def epoch_order(count: int, lengths: Sequence[int] | None, batch_size: int, seed: int) -> list[int]:
    """All examples in random order; where they have lengths, with similar ones in the same step.

    Args:
        count: number of examples.
        lengths: of each example, or None where all are equally long.
        batch_size: examples of a step.
        seed: of this epoch's order.
    """
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    generator = torch.Generator().manual_seed(seed)
    if lengths is None:
        order: list[int] = torch.randperm(count, generator=generator).tolist()
        return order
    grouped: list[int] = get_length_grouped_indices(lengths, batch_size, generator=generator)
    return grouped
