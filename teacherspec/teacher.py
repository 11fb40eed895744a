"""A packaged teacher in use: rows in, calibrated probabilities out.

teacher = load_teacher(Path("artifacts/teacher"))
teacher.probs([{"text": "cant log in since monday"}])
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from teacherspec.calibrate.calibrators import Calibrator, apply
from teacherspec.errors import UserError
from teacherspec.evaluate.predict import load_model
from teacherspec.files import read_json
from teacherspec.tasks import Task
from teacherspec.tasks.verbs import Kind

Row = Mapping[str, Any]
BATCH_SIZE = 32


@dataclass(frozen=True)
class Teacher:
    """A classifier with its calibration.

    Attributes:
        task: what its rows hold.
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


def load_teacher(folder: Path) -> Teacher:
    """Load the teacher package in `folder`. To check it first, see `teacherspec.package.verify`.

    Raises:
        UserError: `folder` is no package, or its model does not load.
    """
    if not (folder / "metadata.json").is_file():
        raise UserError(f"{folder}: no teacher package (it has no metadata.json); give the folder of one")
    spec = read_json(folder / "provenance/spec.json")
    task: Kind = TypeAdapter(Task).validate_json(json.dumps(spec["task"]))
    saved = read_json(folder / "calibration/calibration.json")["calibrator"]
    model, processor = load_model(task, folder / "model")
    return Teacher(
        task=task,
        label_names=tuple(read_json(folder / "metadata.json")["label_names"]),
        calibrator=TypeAdapter(Calibrator).validate_json(json.dumps(saved)),
        model=model,
        processor=processor,
    )
