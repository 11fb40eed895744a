"""A packaged classifier in use: rows in, calibrated probabilities out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, apply, parse_calibrator
from teacherspec.inference.load import load_model
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks.shared.interfaces.kind import Kind

Row = Mapping[str, Any]
BATCH_SIZE = 32


@dataclass(frozen=True)
class ClassificationTeacher:
    """A classifier with its calibration.

    Attributes:
        task: the declared task.
        label_names: in the order of logits and probabilities.
        calibrator: fitted calibration, applied once.
        model: in eval mode, on the best device of this machine.
        processor: tokenizer or image processor of the model.
    """

    task: Kind
    label_names: tuple[str, ...]
    calibrator: Calibrator
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Kind) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        del spec
        model, processor = load_model(task, folder / "model")
        return cls(
            task=task,
            label_names=tuple(read_json(folder / "metadata.json")["label_names"]),
            calibrator=parse_calibrator(load_calibration(folder)["calibrator"]),
            model=model,
            processor=task.cache_shared_inputs(model, processor),
        )

    def logits(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Raw logits `[N, C]` of rows with the task's content columns, such as `{"text": …}`."""
        if not rows:
            return np.empty((0, len(self.label_names)), np.float32)
        return np.concatenate(list(self._batches(rows, batch_size)))

    def probs(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float64]:
        """Calibrated probabilities `[N, C]` of rows with the task's content columns."""
        if not rows:
            return np.empty((0, len(self.label_names)))
        return np.exp(apply(self.calibrator, self.logits(rows, batch_size=batch_size)))

    def _batches(self, rows: Sequence[Row], batch_size: int) -> Iterator[npt.NDArray[np.float32]]:
        import torch

        for start in range(0, len(rows), batch_size):
            batch = self.task.batch(self.processor, rows[start : start + batch_size])
            with torch.inference_mode():
                inputs = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
                yield self.task.logits(self.model, inputs).float().cpu().numpy()
