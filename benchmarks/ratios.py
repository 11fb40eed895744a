"""What was measured against whom: `ratios.json` of each benchmark, from which the table of all is made."""

import datetime
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import read_json, write_json

FOLDER = Path(__file__).parent
FILE = "ratios.json"

VECTORS = {"amx_bf16": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}
"""Flag of the processor → instruction set; the first that it has names its class."""


@dataclass(frozen=True)
class Ratio:
    """One comparison with a peer in one run.

    Attributes:
        what: was done, with data and precision.
        peer: another program, or another way, that did the same.
        measure: CPU seconds, wall seconds, peak memory, …
        ratio: the peer's over ours, so that above 1 ours is better; None: not measured.
        command: that measures it again.
        date: of the measurement, ISO 8601; empty where not measured.
        machine: its class; empty where not measured.
        note: what limits the figure; why it is not measured.
    """

    what: str
    peer: str
    measure: str
    ratio: float | None
    command: str
    date: str = ""
    machine: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError(f"{self.what}: no figure without a command")
        if self.ratio is None and not self.note:
            raise ValueError(f"{self.what}: not measured, and the note does not say why")
        if self.ratio is not None:
            datetime.date.fromisoformat(self.date)
            if not (self.ratio > 0 and self.machine):
                raise ValueError(f"{self.what}: a ratio above 0 and the class of the machine are needed")

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two measurements the same comparison."""
        return self.what, self.peer, self.measure


def load(folder: Path) -> list[Ratio]:
    """The ratios of the benchmark in `folder`, none where it has no such file.

    Raises:
        ValueError: one lacks its command, its date or its machine.
        TypeError: one has other fields.
    """
    path = folder / FILE
    return [Ratio(**entry) for entry in read_json(path)] if path.is_file() else []


def record(folder: Path, measured: list[Ratio]) -> None:
    """Add ratios to those of the benchmark in `folder`; the same comparison is replaced.

    Raises:
        ValueError: two of `measured` are the same comparison.
    """
    new = {ratio.key: ratio for ratio in measured}
    if len(new) < len(measured):
        raise ValueError("the same comparison twice")
    known = {ratio.key: ratio for ratio in load(folder)}
    entries: list[dict[str, Any]] = [asdict(ratio) for ratio in {**known, **new}.values()]
    write_json(folder / FILE, entries)


def today() -> str:
    """The date in UTC, as `Ratio.date`."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def machine_class() -> str:
    """This machine without anything that names it: cores, architecture, instruction set, threads."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.is_file() else []
    vectors = next((name for flag, name in VECTORS.items() if flag in flags), "")
    threads = os.environ.get("OMP_NUM_THREADS", "")
    parts = [
        f"{os.cpu_count()} cores {platform.machine()}",
        vectors,
        f"{threads} thread" if threads == "1" else "",
    ]
    return ", ".join(filter(None, parts))
