"""Progress of work that takes longer than two seconds, on a terminal; nothing where there is none."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from teacherspec.runtime import machine
from teacherspec.runtime.escaping import printable

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

DELAY_S = 2.0
"""Work that is done by then shows nothing."""

INTERVAL_S = 0.1
"""Between two updates of the line."""


def with_progress(
    items: Iterable[Item],
    what: str,
    total: float | None = None,
    size: Callable[[Item], float] = lambda item: 1,
    unit: str = "rows",
) -> Iterable[Item]:
    """The same items; on a terminal with a line on stderr that has their number, rate and time left.

    The items themselves where stderr is no terminal, or another process shows the progress.

    Args:
        items: of which the consumer takes one after the other.
        what: is done, as `evaluate: test`.
        total: the sum of the sizes; None where nobody knows it before.
        size: of an item, in the unit.
        unit: such as `rows` or `MB`.
    """
    if machine.rank() != 0 or not sys.stderr.isatty():
        return items
    return _shown(items, what, total, size, unit)


def _shown(
    items: Iterable[Item], what: str, total: float | None, size: Callable[[Item], float], unit: str
) -> Iterator[Item]:
    began = updated = time.monotonic()
    done, line = 0.0, None
    try:
        for item in items:
            yield item  # consumed when the next one is asked for
            done += size(item)
            now = time.monotonic()
            if now - began < DELAY_S or now - updated < INTERVAL_S:
                continue
            line, updated = line or _line(what, total), now
            line.update(line.task_ids[0], completed=done, rate=f"{done / (now - began):,.0f} {unit}/s")
    finally:
        if line is not None:
            line.stop()


def _line(what: str, total: float | None) -> "Progress":
    """A line with bar, numbers, rate and time left, which disappears when it is stopped."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),  # names of files
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    line = Progress(*columns, console=Console(stderr=True), transient=True)
    line.add_task(printable(what), total=total, rate="")
    line.start()
    return line
