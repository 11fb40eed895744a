"""A packaged dual encoder in use: images and texts in, embeddings and calibrated probabilities out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.inference.load import load_model
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.tasks.shared.dual_encoder_model import embed_images, embed_texts, width
from teacherspec.tasks.shared.interfaces.capabilities import RetrievalInputs
from teacherspec.tasks.shared.interfaces.kind import Kind

BATCH_SIZE = 32


@dataclass(frozen=True)
class RetrievalTeacher:
    """A dual encoder with its calibration.

    Attributes:
        task: the declared task.
        inputs: from images and texts to inputs of the model.
        temperature: of the logits of candidates, applied once.
        model: in eval mode, on the best device of this machine.
        processor: of the model.
    """

    task: Kind
    inputs: RetrievalInputs
    temperature: float
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Kind) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        del spec
        model, processor = load_model(task, folder / "model")
        temperature = load_calibration(folder)["calibrator"].get("temperature", 1.0)
        return cls(task, task.require(RetrievalInputs), temperature, model, processor)

    def images(self, images: Sequence[Any], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Embeddings `[N, D]`, of length 1, of images: paths, or bytes of files. Raises `ColumnError`."""
        (column,) = self.task.row_schema().images()
        opened = [column.opened(image) for image in images]
        return self._embedded(opened, self.inputs.image_inputs, embed_images, batch_size)

    def texts(self, texts: Sequence[str], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Embeddings `[N, D]`, of length 1, of texts. Raises `ColumnError`."""
        return self._embedded(texts, self.inputs.text_inputs, embed_texts, batch_size)

    def probs(
        self, queries: npt.NDArray[np.float32], candidates: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """Calibrated probabilities `[Q, M]` that a candidate `[M, D]` is the right one for a query `[Q, D]`.

        They sum to 1: exactly one of the candidates is assumed to be right.
        """
        scale = self.model.logit_scale.exp().item() / self.temperature
        return np.exp(log_softmax(scale * (queries.astype(np.float64) @ candidates.T)))

    def _embedded(
        self, values: Sequence[Any], inputs: Any, embed: Any, batch_size: int
    ) -> npt.NDArray[np.float32]:
        import torch

        parts = [np.empty((0, width(self.model)), np.float32)]
        for start in range(0, len(values), batch_size):
            batch = inputs(self.processor, values[start : start + batch_size])
            batch = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
            with torch.inference_mode():
                parts.append(embed(self.model, batch).float().cpu().numpy())
        return np.concatenate(parts)
