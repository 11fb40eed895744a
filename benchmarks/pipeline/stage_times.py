"""Where the time of a build goes: seconds of each stage, from `run.json` of the last build in this tree."""

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from benchmarks.ratios import FOLDER
from teacherspec.run_records.dvc_yaml import declared_stages
from teacherspec.runtime.atomic_io import read_json, round_floats, write_json

ROOT = FOLDER.parent
FILE = FOLDER / "pipeline/stage_times.json"
PARTS = ("inputs", "work", "outputs")
"""Hashing what a stage reads, its work, hashing what it wrote."""


@dataclass(frozen=True)
class StageTimes:
    """Wall seconds of a build.

    Attributes:
        command: that built.
        date: ISO 8601.
        machine: processor and threads.
        seconds: stage → part of it → seconds.
    """

    command: str
    date: str
    machine: str
    seconds: dict[str, dict[str, float]]

    @classmethod
    def of_last_build(cls, root: Path = ROOT) -> Self | None:
        """Times of the stages that were built at `root`; None where one of them has no record.

        A stage that came back from DVC's cache brings no record: the sum would be that of no build.
        """
        paths = {name: root / "reports" / name / "run.json" for name in declared_stages(root)}
        if not all(path.is_file() for path in paths.values()):
            return None
        records = {name: read_json(path) for name, path in paths.items()}
        hardware = records["finetune"]["hardware"]
        built = max(path.stat().st_mtime for path in paths.values())
        return cls(
            command="make teacher",
            date=datetime.datetime.fromtimestamp(built, datetime.UTC).date().isoformat(),
            machine=f"{hardware['cpu']}, {hardware['threads']} threads",
            seconds=round_floats({name: record["seconds"] for name, record in records.items()}),
        )

    @classmethod
    def recorded(cls) -> Self:
        """Those of the last build that was recorded."""
        return cls(**read_json(FILE))

    def record(self) -> None:
        """Keep them for a tree without a build."""
        write_json(FILE, asdict(self))

    def table(self) -> list[str]:
        """As Markdown, with each stage's share of the whole."""
        whole = sum(sum(parts.values()) for parts in self.seconds.values())
        lines = [
            f"`{self.command}`, {self.date}, {self.machine}: {whole:.0f} s in all stages.",
            "",
            "| stage | hashing its inputs s | work s | hashing its outputs s | share |",
            "|---|--:|--:|--:|--:|",
        ]
        for stage in (name for name in declared_stages(ROOT) if name in self.seconds):
            parts = self.seconds[stage]
            cells = " | ".join(f"{parts[part]:.1f}" for part in PARTS)
            lines.append(f"| {stage} | {cells} | {sum(parts.values()) / whole:.0%} |")
        return lines
