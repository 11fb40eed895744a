"""A packaged teacher of scores in use: rows in, scores with their intervals out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.score_interval import ScoreInterval, parse_score_interval
from teacherspec.inference.load import load_model
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.runtime.length_batches import least_padding
from teacherspec.tasks.shared.interfaces.kind import Kind

Row = Mapping[str, Any]
BATCH_SIZE = 64


@dataclass(frozen=True)
class RegressionTeacher:
    """A teacher of scores with its calibration.

    Attributes:
        task: the declared task.
        interval: the fitted calibration, applied once.
        model: in eval mode, on the best device of this machine.
        processor: of the model.
    """

    task: Kind
    interval: ScoreInterval
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Kind) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        del spec
        model, processor = load_model(task, folder / "model")
        interval = parse_score_interval(load_calibration(folder)["calibrator"])
        return cls(task, interval, model, task.cache_shared_inputs(model, processor))

    def raw_scores(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Scores `[N]` of the model as it is, of rows with the task's content columns."""
        import torch

        found = np.empty(len(rows), np.float32)
        lengths = self.task.row_lengths(self.processor, rows)
        with torch.inference_mode():
            for chosen in least_padding(len(rows), lengths, batch_size):
                batch = self.task.batch(self.processor, [rows[place] for place in chosen])
                inputs = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
                found[list(chosen)] = self.task.logits(self.model, inputs)[:, 0].float().cpu().numpy()
        return found

    def scores(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float64]:
        """Calibrated scores `[N]` of rows, such as `{"text": …, "text_pair": …}`."""
        return self.interval.corrected(self.raw_scores(rows, batch_size=batch_size))
