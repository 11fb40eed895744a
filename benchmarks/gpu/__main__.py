"""What one accelerator does in at most ten minutes: training, kernels, scoring, memory, kill and resume.

    python -m benchmarks.gpu --write    # on an accelerator: fills the page and the table of all benchmarks
    python -m benchmarks.gpu --tiny     # on a CPU: the same program on toys, to see that it runs

Each part has a process and a time limit of its own, and its result is printed and kept before the next
begins: one that fails or hangs loses no other. Exit code 1 where a part failed; one that is skipped did not.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.gpu.parts import PARTS, Result, run
from benchmarks.gpu.table import line, markdown, ratios
from benchmarks.page import fill
from benchmarks.ratios import machine_class, record, today

FOLDER = Path(__file__).parent
SECONDS = 600
"""Of all parts together."""

NAMES = [part.name for part in PARTS]


@click.command()
@click.option("--tiny", is_flag=True, help="Toys on a CPU.")
@click.option("--part", "chosen", multiple=True, type=click.Choice(NAMES), help="Only these; several times.")
@click.option("--only", hidden=True, type=click.Choice(NAMES))
@click.option("--results", type=click.Path(dir_okay=False, path_type=Path), default=Path(".scratch/gpu.json"))
@click.option("--write", is_flag=True, help="Fill the page and record the ratios.")
def main(tiny: bool, chosen: tuple[str, ...], only: str | None, results: Path, write: bool) -> None:
    """Measure; print one line a part."""
    if only:
        print(json.dumps(measured(only, tiny)))
        return
    if not tiny:
        require_accelerator()
    if write and tiny:
        raise click.UsageError("--write: figures of toys on a CPU are none")
    deadline = time.monotonic() + SECONDS
    found: dict[str, Result] = {}
    for part in (part for part in PARTS if not chosen or part.name in chosen):
        command = [sys.executable, "-m", "benchmarks.gpu", "--only", part.name, *(["--tiny"] if tiny else [])]
        # A CPU that does other work as well may need any time for toys.
        limit = SECONDS if tiny else min(part.seconds, deadline - time.monotonic())
        found[part.name] = run(part, command, limit)
        print(line(part.name, found[part.name]), flush=True)
        results.parent.mkdir(parents=True, exist_ok=True)
        results.write_text(json.dumps({name: asdict(result) for name, result in found.items()}, indent=2))
    if write:
        machine = accelerator()
        fill(FOLDER / "README.md", "figures", ["", f"{machine}, {today()}.", *markdown(found)])
        record(FOLDER, ratios(found, today(), machine))
    if any(result.reason.startswith(("failed", "over", "not reached")) for result in found.values()):
        raise SystemExit(1)


def measured(name: str, tiny: bool) -> dict[str, object]:
    """The figures of a part, in this process."""
    from benchmarks.gpu.shapes import REAL, TINY

    (part,) = (part for part in PARTS if part.name == name)
    return part.measure(TINY if tiny else REAL)


def require_accelerator() -> None:
    """Refuse to begin without one."""
    import torch

    if not torch.cuda.is_available():
        raise click.ClickException("no accelerator that torch can use; `--tiny` runs toys on a CPU")


def accelerator() -> str:
    """Its model, and the machine's class."""
    import torch

    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {machine_class()}"


if __name__ == "__main__":
    main()
