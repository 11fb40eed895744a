"""A packaged classifier in use: rows in, calibrated probabilities out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, apply, parse_calibrator
from teacherspec.inference.load import load_model
from teacherspec.metrics.ood import confidence_log_odds
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.runtime.atomic_io import read_json
from teacherspec.serving.batches import logits_of
from teacherspec.tasks.shared.interfaces.kind import Kind

Row = Mapping[str, Any]
BATCH_SIZE = 64


@dataclass(frozen=True)
class ClassificationTeacher:
    """A classifier with its calibration.

    Attributes:
        task: the declared task.
        label_names: in the order of logits and probabilities.
        calibrator: fitted calibration, applied once.
        abstention: score below which the teacher abstains, see `calibrators.abstention`; None: it never does.
        model: in eval mode, on the best device of this machine.
        processor: tokenizer or image processor of the model.
    """

    task: Kind
    label_names: tuple[str, ...]
    calibrator: Calibrator
    abstention: float | None
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Kind) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        del spec
        model, processor = load_model(task, folder / "model")
        calibration = load_calibration(folder)
        return cls(
            task=task,
            label_names=tuple(read_json(folder / "metadata.json")["label_names"]),
            calibrator=parse_calibrator(calibration["calibrator"]),
            abstention=abstention_score(calibration.get("abstention")),
            model=model,
            processor=task.cache_shared_inputs(model, processor),
        )

    def logits(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Raw logits `[N, C]` of rows with the task's content columns, such as `{"text": …}`.

        Rows of similar length share a batch; the order of the rows is kept.
        """
        loaded = (self.model, self.processor)
        return logits_of(self.task, loaded, rows, len(self.label_names), batch_size)

    def probs(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float64]:
        """Calibrated probabilities `[N, C]` of rows with the task's content columns."""
        return self.calibrated(self.logits(rows, batch_size=batch_size))

    def calibrated(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities `[N, C]` of raw logits `[N, C]`."""
        return np.exp(apply(self.calibrator, logits)) if len(logits) else np.empty(logits.shape)

    def abstains(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Whether the teacher abstains, `[N]`, from raw logits `[N, C]`: see `calibrate.abstain`."""
        if self.abstention is None or not len(logits):
            return np.zeros(len(logits), np.bool_)
        return confidence_log_odds(logits) < self.abstention


def abstention_score(rule: Mapping[str, Any] | None) -> float | None:
    """The score below which predictions are abstained from; above 1, so from all, where none was proven."""
    if rule is None:
        return None
    return float("inf") if rule["threshold"] is None else float(rule["threshold"])
