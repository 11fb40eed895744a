"""A packaged multi-label teacher in use: rows in, a calibrated probability for each label out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, parse_calibrator
from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.label_thresholds import decided_by
from teacherspec.inference.load import load_model
from teacherspec.metrics.scores.multi_label import sigmoid
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.runtime.atomic_io import read_json
from teacherspec.serving.batches import logits_of
from teacherspec.tasks.shared.interfaces.kind import Kind

Row = Mapping[str, Any]
BATCH_SIZE = 64


@dataclass(frozen=True)
class MultiLabelTeacher:
    """A multi-label teacher with its calibration.

    Attributes:
        task: the declared task.
        label_names: in the order of logits and probabilities.
        calibrator: fitted calibration, applied once.
        thresholds: calibrated probability from which each label is predicted; None for never.
        model: in eval mode, on the best device of this machine.
        processor: tokenizer or image processor of the model.
    """

    task: Kind
    label_names: tuple[str, ...]
    calibrator: Calibrator
    thresholds: tuple[float | None, ...]
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Kind) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        del spec
        model, processor = load_model(task, folder / "model")
        calibration = load_calibration(folder)
        names = tuple(read_json(folder / "metadata.json")["label_names"])
        return cls(
            task=task,
            label_names=names,
            calibrator=parse_calibrator(calibration["calibrator"]),
            thresholds=tuple(calibration["thresholds"]["by_label"][name] for name in names),
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
        """Calibrated probabilities `[N, C]`, each of its label by itself."""
        return self.calibrated(self.logits(rows, batch_size=batch_size))

    def calibrated(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities `[N, C]` of raw logits `[N, C]`."""
        return sigmoid(label_logits(self.calibrator, logits.astype(np.float64)))

    def labels(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> list[list[str]]:
        """The labels of each row whose calibrated probability reaches their threshold."""
        return self.predicted(self.probs(rows, batch_size=batch_size))

    def predicted(self, probs: npt.NDArray[np.float64]) -> list[list[str]]:
        """The labels of each row of calibrated probabilities `[N, C]`."""
        decided = decided_by(list(self.thresholds), probs)
        return [
            [name for name, has in zip(self.label_names, row, strict=True) if has] for row in decided.tolist()
        ]
