"""Mistakes that tools make when processes share a training, made in the real stage: tests must notice them.

`torchrun … -m tests.pipeline.processes.naive MISTAKE prepared manifest.json output`
"""

import sys
from collections.abc import Iterator

from teacherspec.finetune.micro_batches import MicroBatches
from teacherspec.runtime import distributed, machine


def repeat_rows(self: MicroBatches) -> Iterator[list[int]]:
    """Where rows run out, learn some of them again (accelerate's `even_batches`)."""
    for batch in REAL(self):
        yield batch if batch[0] >= 0 else list(range(len(batch)))


def own_order(self: MicroBatches) -> Iterator[list[int]]:
    """Each process draws an order of its own."""
    self.seed += machine.rank()
    yield from REAL(self)


def fail_on_one() -> None:
    """One process fails while the other waits for it."""
    if machine.rank() == 1:
        raise RuntimeError("this process fails")
    distributed.all_gather([])


REAL = MicroBatches.__iter__

if __name__ == "__main__":
    mistake = sys.argv.pop(1)
    if mistake == "repeat_rows":
        MicroBatches.__iter__ = repeat_rows  # type: ignore[method-assign]
    elif mistake == "own_order":
        MicroBatches.__iter__ = own_order  # type: ignore[method-assign]
    elif mistake == "fail_on_one":
        distributed.barrier = fail_on_one
    from stages.finetune import main

    main()
