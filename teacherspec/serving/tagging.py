"""A packaged tagger in use: rows in, entities with calibrated confidences out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.inference.load import load_model
from teacherspec.metrics.scores.entity_tags import entities
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.predictions.tagging import OUTSIDE_TAG
from teacherspec.runtime.length_batches import least_padding
from teacherspec.tasks.shared.tagging_task import TaggingTask

Row = Mapping[str, Any]
BATCH_SIZE = 64


@dataclass(frozen=True)
class FoundEntity:
    """One entity of a row.

    Attributes:
        start: its first character in the text of the row; of tokens, in these with a space between them.
        end: the character after its last one.
        first: index of its first word, or token.
        last: index after its last one.
        label: its type.
        text: its characters.
        confidence: product of the calibrated probabilities of the tags of its words.
    """

    start: int
    end: int
    first: int
    last: int
    label: str
    text: str
    confidence: float


@dataclass(frozen=True)
class TagProbs:
    """The calibrated probabilities of the tags of one row.

    Attributes:
        read: `[W]`, which of its words the model reads.
        probs: `[W, C]`; of a word that is not read, `O` is certain.
    """

    read: npt.NDArray[np.bool_]
    probs: npt.NDArray[np.float64]


@dataclass(frozen=True)
class TaggingTeacher:
    """A model that finds entities, with its calibration.

    Attributes:
        task: the declared task.
        temperature: fitted calibration, applied once; 1 where none was fitted.
        model: in eval mode, on the best device of this machine.
        processor: tokenizer of the model.
    """

    task: TaggingTask
    temperature: float
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Any) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        del spec
        model, processor = load_model(task, folder / "model")
        calibrator = load_calibration(folder)["calibrator"]
        return cls(
            task.require(TaggingTask),
            float(calibrator.get("temperature", 1.0)),
            model,
            task.cache_shared_inputs(model, processor),
        )

    def probs(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> list[TagProbs]:
        """Calibrated probabilities of the tags of rows, such as `{"text": …}` or `{"tokens": […]}`.

        Rows of similar length share a batch; the order of the rows is kept.
        """
        import torch

        found: dict[int, TagProbs] = {}
        lengths = self.task.row_lengths(self.processor, rows)
        for chosen in least_padding(len(rows), lengths, batch_size):
            some = [rows[at] for at in chosen]
            batch = self.task.batch(self.processor, some)
            with torch.inference_mode():
                inputs = {name: tensor.to(self.model.device) for name, tensor in batch.items()}
                logits = self.task.logits(self.model, inputs).float().cpu().numpy()
            places = self.task.first_subwords(self.processor, some)
            for at, row in enumerate(some):
                words, positions = map(list, places[at])
                count = len(self.task.words(row).spans)
                probs = np.zeros((count, logits.shape[-1]))
                probs[:, OUTSIDE_TAG] = 1.0
                if words:
                    probs[words] = np.exp(log_softmax(logits[at, positions] / self.temperature))
                read = np.zeros(count, np.bool_)
                read[words] = True
                found[chosen[at]] = TagProbs(read, probs)
        return [found[at] for at in range(len(rows))]

    def entities(self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE) -> list[list[FoundEntity]]:
        """The entities of each row, in their order."""
        tagged = self.probs(rows, batch_size=batch_size)
        return [self.entities_of(row, one) for row, one in zip(rows, tagged, strict=True)]

    def entities_of(self, row: Row, tagged: TagProbs) -> list[FoundEntity]:
        """The entities of a row whose probabilities are given."""
        words, top = self.task.words(row), tagged.probs.argmax(axis=1)
        sure = tagged.probs[np.arange(len(top)), top]
        found = []
        for one in entities([self.task.tags[tag] for tag in top], self.task.scheme):
            start, end = words.spans[one.first][0], words.spans[one.end - 1][1]
            confidence = float(np.prod(sure[one.first : one.end]))
            text = words.text[start:end]
            found.append(FoundEntity(start, end, one.first, one.end, one.type, text, confidence))
        return found
