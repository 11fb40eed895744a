"""Mistakes that tools make when processes share a training, put into the real door: what tests must notice.

`torchrun … -m tests.processes.naive MISTAKE prepared manifest.json output`
"""

import sys
from collections.abc import Iterator
from typing import Any

from teacherspec import machine, ranks
from teacherspec.finetune import train
from teacherspec.finetune.batches import MicroBatches


def repeat_rows(self: MicroBatches) -> Iterator[list[int]]:
    """Where rows run out, learn some of them again (accelerate's `even_batches`)."""
    for batch in REAL(self):
        yield [index if index >= 0 else ~index for index in batch]


def mean_of_means(*values: Any, **named: Any) -> Any:
    """Each process takes the mean over its own rows, and gradients are averaged."""
    arguments = ARGUMENTS(*values, **named)
    arguments.average_tokens_across_devices = False
    return arguments


def own_order(self: MicroBatches) -> Iterator[list[int]]:
    """Each process draws an order of its own."""
    self.seed += machine.rank()
    yield from REAL(self)


def fail_on_one() -> None:
    """One process fails while the other waits for it."""
    if machine.rank() == 1:
        raise RuntimeError("this process fails")
    ranks.together([])


REAL, ARGUMENTS = MicroBatches.__iter__, train.arguments

if __name__ == "__main__":
    mistake = sys.argv.pop(1)
    if mistake == "repeat_rows":
        MicroBatches.__iter__ = repeat_rows  # type: ignore[method-assign]
    elif mistake == "mean_of_means":
        train.arguments = mean_of_means
    elif mistake == "own_order":
        MicroBatches.__iter__ = own_order  # type: ignore[method-assign]
    elif mistake == "fail_on_one":
        ranks.wait = fail_on_one
    from stages.finetune import main

    main()
