"""What the evaluation of every type of output starts from."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.runtime import distributed
from teacherspec.spec.evaluate import Evaluate
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Paths:
    """Where the stage reads and writes.

    Attributes:
        prepared: folder that `prepare` left.
        finetuned: folder that `finetune` left, with `model/` and its log.
        output: folder to create: `predictions/<split>.parquet`, `predictions.json` and more.
        report: folder for `metrics.json`, `findings.json`, `risk_coverage.tsv` and `plots/`.
        timing: JSON file for measured times, which no hash covers.
    """

    prepared: Path
    finetuned: Path
    output: Path
    report: Path
    timing: Path

    @property
    def plots(self) -> Path:
        """Folder to create for tables and pictures; its files differ by type of output."""
        return self.report / "plots"


@dataclass(frozen=True)
class EvaluationContext:
    """A fine-tuned model and the splits it is measured on.

    Attributes:
        task: the declared task.
        section: `params.yaml: evaluate`.
        data: the prepared splits.
        paths: where to read and write.
        teacher: the fine-tuned model in eval mode on its device, and its processor.
        load_base: loads the untrained base and its processor, for types of output that compare with it.
    """

    task: Kind
    section: Evaluate
    data: Prepared
    paths: Paths
    teacher: tuple[Any, Any]
    load_base: Callable[[], tuple[Any, Any]]

    @cached_property
    def splits(self) -> "Mapping[str, Dataset]":
        """Split name → its rows."""
        return {name: open_split(split) for name, split in self.data.splits.items()}

    @property
    def intervals(self) -> dict[str, Any]:
        """Level of the intervals, bootstrap resamples and their seed, as keyword arguments of metrics."""
        return self.section.model_dump(include={"confidence", "resamples", "seed"})


def log_progress(message: str) -> None:
    """Print on stderr what is being done: a large model takes its time."""
    if distributed.is_main_process():
        print(f"evaluate: {message}", file=sys.stderr, flush=True)
