"""What every way of evaluating starts from."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.runtime import distributed
from teacherspec.spec.evaluate import Evaluate
from teacherspec.splits import Prepared
from teacherspec.tasks.base import Kind

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Work:
    """A fine-tuned model in front of the splits it is measured on.

    Attributes:
        task: the declared task.
        section: `params.yaml: evaluate`.
        data: the prepared splits.
        splits: split name → its rows.
        model: in eval mode, on its device.
        processor: tokenizer or image processor of the model.
        finetuned: folder that `finetune` left, for its log.
        output: folder to create for predictions.
        report: folder for reports.
        load_base: loads the untrained base and its processor, for forms that measure it on the same rows.
        about_data: what `prepare` counted (`reports/prepare/metrics.json`), for the page; None without.
    """

    task: Kind
    section: Evaluate
    data: Prepared
    splits: "Mapping[str, Dataset]"
    model: Any
    processor: Any
    finetuned: Path
    output: Path
    report: Path
    load_base: Callable[[], tuple[Any, Any]]
    about_data: Mapping[str, Any] | None = None


def tell(what: str) -> None:
    """Say on stderr what is being done: a large model takes its time."""
    if distributed.is_main_process():
        print(f"evaluate: {what}", file=sys.stderr, flush=True)
