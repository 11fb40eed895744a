"""A packaged teacher in use: rows in, calibrated probabilities or answers out.

load_teacher(Path("artifacts/teacher")).probs([{"text": "cant log in since monday"}])
load_language_teacher(Path("artifacts/teacher")).answers([{"prompt": "A story about a cat"}])
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.calibrators.token_temperature import log_sum_exp
from teacherspec.errors import UserError
from teacherspec.inference.generation import answer, answer_log_probs, predict_tokens
from teacherspec.inference.load import load_model
from teacherspec.metrics.beta_grid import GRID
from teacherspec.metrics.softmax import log_softmax
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks import parse_task
from teacherspec.tasks.interfaces.capabilities import RetrievalInputs
from teacherspec.tasks.interfaces.declaration import OutputType
from teacherspec.tasks.interfaces.kind import Kind
from teacherspec.tasks.shared.dual_encoder_model import embed_images, embed_texts, width
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.decoding import Decoding, Generated

Row = Mapping[str, Any]
BATCH_SIZE = 32
ANSWERS_AT_ONCE = 8


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


@dataclass(frozen=True)
class Answered:
    """What a language model wrote, and how sure it is.

    Attributes:
        text: the answer.
        tokens: its length, the token that ends it included.
        stopped: whether it ended by itself.
        log_prob: mean calibrated log-probability of its tokens, nats.
        confidence: calibrated probability that the answer is right; None where `calibrate` had too few
            right or wrong answers to fit it on.
    """

    text: str
    tokens: int
    stopped: bool
    log_prob: float
    confidence: float | None


@dataclass(frozen=True)
class LanguageTeacher:
    """A language model with its calibration.

    Attributes:
        task: what its rows hold.
        temperature: of every next token, applied once.
        answer_curve: slope and intercept of a whole answer's confidence, where they were fitted.
        max_new_tokens: longest answer that it was evaluated with.
        model: in eval mode, on the best device of this machine.
        tokenizer: of the model.
    """

    task: GenerationTask
    temperature: float
    answer_curve: tuple[float, float] | None
    max_new_tokens: int
    model: Any
    tokenizer: Any

    def answers(
        self, rows: Sequence[Row], *, max_new_tokens: int | None = None, batch_size: int = ANSWERS_AT_ONCE
    ) -> list[Answered]:
        """Greedy answers to rows with the task's content columns, such as `{"prompt": …}` or, by paths,
        `{"images": ["photo.jpg"], "prompt": …}`.
        """
        if not rows:
            return []
        numbered = [{**self.task.from_request(row), "id": str(number)} for number, row in enumerate(rows)]
        decoding = Decoding(max_new_tokens or self.max_new_tokens)
        written = answer(self.task, self.model, self.tokenizer, numbered, decoding, batch_size)
        scored = answer_log_probs(
            self.task, self.model, self.tokenizer, numbered, [one for one, _ in written], batch_size
        )
        return [
            self._answered(text, one, log_probs)
            for (one, text), log_probs in zip(written, scored, strict=True)
        ]

    def log_probs(
        self, rows: Sequence[Row], *, batch_size: int = ANSWERS_AT_ONCE
    ) -> list[npt.NDArray[np.float64]]:
        """Calibrated log-probabilities, nats, of every learned token of rows that hold their answers too,
        as `prepare` leaves them: `{"prompt": …, "completion": [the answer]}`.
        """
        from datasets import Dataset

        if not rows:
            return []
        numbered = Dataset.from_list([{**row, "id": str(number)} for number, row in enumerate(rows)])
        found = predict_tokens(self.task, self.model, self.tokenizer, numbered, batch_size)
        beta = 1.0 / self.temperature
        label_logit = beta * found.label_logit.astype(np.float64)
        return np.split(label_logit - log_sum_exp(found, beta), np.cumsum(found.tokens)[:-1])

    def _answered(self, text: str, written: Generated, log_probs: Sequence[float]) -> Answered:
        log_prob = min(0.0, float(np.interp(1.0 / self.temperature, GRID, log_probs)))
        curve = self.answer_curve
        confidence = None if curve is None else float(1 / (1 + np.exp(-(curve[0] * log_prob + curve[1]))))
        return Answered(text, len(written.ids) + written.stopped, written.stopped, log_prob, confidence)


@dataclass(frozen=True)
class RetrievalTeacher:
    """A dual encoder with its calibration.

    Attributes:
        task: what its rows hold.
        temperature: of the logits of candidates, applied once.
        model: in eval mode, on the best device of this machine.
        processor: of the model.
    """

    task: RetrievalInputs
    temperature: float
    model: Any
    processor: Any

    def images(self, images: Sequence[Any], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Embeddings `[N, D]`, of length 1, of images: paths, or bytes of files. Raises `ColumnError`."""

        def embed(model: Any, batch: Mapping[str, Any]) -> Any:
            return embed_images(model, batch["pixel_values"])

        return self._embedded(images, self.task.image_inputs, embed, batch_size)

    def texts(self, texts: Sequence[str], *, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
        """Embeddings `[N, D]`, of length 1, of texts. Raises `ColumnError`."""
        return self._embedded(texts, self.task.text_inputs, embed_texts, batch_size)

    def probs(
        self, queries: npt.NDArray[np.float32], candidates: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """Calibrated probabilities `[Q, M]` that a query `[Q, D]` is after a candidate `[M, D]`.

        They sum to 1: one of the candidates is taken to be right.
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


def load_teacher(folder: Path) -> Teacher:
    """Load the classifier in the package `folder`. To check it first, see `teacherspec.package.verify`.

    Raises:
        UserError: `folder` is no package of a classifier, or its model does not load.
    """
    _, task = declared_task(folder)
    if task.output_type != "classification":
        what = f"a teacher of {task.hub_task} has no classes"
        raise UserError(f"{folder}: {what}; load it with `{LOADERS[task.output_type]}`")
    model, processor = load_model(task, folder / "model")
    processor = task.cache_shared_inputs(model, processor)
    saved = read_json(folder / "calibration/calibration.json")["calibrator"]
    return Teacher(
        task=task,
        label_names=tuple(read_json(folder / "metadata.json")["label_names"]),
        calibrator=TypeAdapter(Calibrator).validate_json(json.dumps(saved)),
        model=model,
        processor=processor,
    )


def load_language_teacher(folder: Path) -> LanguageTeacher:
    """Load the language model in the teacher package `folder`.

    Raises:
        UserError: `folder` is no package of a language model, or its model does not load.
    """
    spec, declared = declared_task(folder)
    task = declared.capability(GenerationTask)
    if task is None:
        what = f"a teacher of {declared.hub_task} writes no answers"
        raise UserError(f"{folder}: {what}; load it with `{LOADERS[declared.output_type]}`")
    model, tokenizer = load_model(task, folder / "model")
    saved = read_json(folder / "calibration/calibration.json")
    fitted = saved["answers"] or {"slope": None}
    return LanguageTeacher(
        task=task,
        temperature=saved["temperature"] if saved["calibrator"]["kind"] == "temperature" else 1.0,
        answer_curve=None if fitted["slope"] is None else (fitted["slope"], fitted["intercept"]),
        max_new_tokens=spec.get("evaluate", {}).get("generation", {}).get("max_new_tokens", task.max_length),
        model=model,
        tokenizer=tokenizer,
    )


def load_retrieval_teacher(folder: Path) -> RetrievalTeacher:
    """Load the dual encoder in the teacher package `folder`.

    Raises:
        UserError: `folder` is no package of a retrieval teacher, or its model does not load.
    """
    _, declared = declared_task(folder)
    task = declared.capability(RetrievalInputs)
    if task is None:
        what = f"a teacher of {declared.hub_task} finds no images or texts"
        raise UserError(f"{folder}: {what}; load it with `{LOADERS[declared.output_type]}`")
    model, processor = load_model(declared, folder / "model")
    saved = read_json(folder / "calibration/calibration.json")["calibrator"]
    return RetrievalTeacher(task, saved.get("temperature", 1.0), model, processor)


LOADERS: Mapping[OutputType, str] = {
    "classification": "load_teacher",
    "retrieval": "load_retrieval_teacher",
    "generation": "load_language_teacher",
}
"""By the form of predictions: what loads a package."""


def declared_task(folder: Path) -> tuple[dict[str, Any], Kind]:
    """The declaration in a teacher package, and its task.

    Raises:
        UserError: `folder` is no package.
    """
    if not (folder / "metadata.json").is_file():
        raise UserError(f"{folder}: no teacher package (it has no metadata.json); give the folder of one")
    spec: dict[str, Any] = read_json(folder / "provenance/spec.json")
    return spec, parse_task(json.dumps(spec["task"]))
