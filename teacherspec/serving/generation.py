"""A packaged language model in use: rows in, answers with their confidence out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.token_temperature import log_sum_exp
from teacherspec.inference.answers import answer, answer_examples, answer_log_probs
from teacherspec.inference.generation import predict_tokens
from teacherspec.inference.load import load_model
from teacherspec.package.verification.package_reader import load_calibration
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.text.decoding import Decoding, Generated

Row = Mapping[str, Any]
BATCH_SIZE = 8


@dataclass(frozen=True)
class ScoredAnswer:
    """An answer of a language model, and its confidence.

    Attributes:
        text: the answer.
        tokens: its length, the token that ends it included.
        stopped: whether the model ended it.
        log_prob: mean calibrated log-probability of its tokens, nats.
        confidence: calibrated probability that the answer is right; None where `calibrate` had too few
            right or wrong answers to fit it.
    """

    text: str
    tokens: int
    stopped: bool
    log_prob: float
    confidence: float | None


@dataclass(frozen=True)
class GenerationTeacher:
    """A language model with its calibration.

    Attributes:
        task: the declared task.
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

    @classmethod
    def load(cls, folder: Path, spec: Mapping[str, Any], task: Kind) -> Self:
        """The teacher in the package `folder`, whose declaration and task are given."""
        conversations = task.require(GenerationTask)
        model, tokenizer = load_model(task, folder / "model")
        saved = load_calibration(folder)
        fitted = saved["answers"] or {"slope": None}
        generation = spec.get("evaluate", {}).get("generation", {})
        return cls(
            task=conversations,
            temperature=saved["temperature"] if saved["calibrator"]["kind"] == "temperature" else 1.0,
            answer_curve=None if fitted["slope"] is None else (fitted["slope"], fitted["intercept"]),
            max_new_tokens=generation.get("max_new_tokens", conversations.max_length),
            model=model,
            tokenizer=tokenizer,
        )

    def answers(
        self, rows: Sequence[Row], *, max_new_tokens: int | None = None, batch_size: int = BATCH_SIZE
    ) -> list[ScoredAnswer]:
        """Greedy answers to rows with the task's content columns, such as `{"prompt": …}` or, by paths,
        `{"images": ["photo.jpg"], "prompt": …}`.
        """
        if not rows:
            return []
        numbered = [{**self.task.from_request(row), "id": str(number)} for number, row in enumerate(rows)]
        decoding = Decoding(max_new_tokens or self.max_new_tokens)
        written = answer(self.task, self.model, self.tokenizer, numbered, decoding, batch_size)
        answers = [generated for generated, _ in written]
        tokens = answer_examples(self.task, self.tokenizer, numbered, answers)
        scored = answer_log_probs(self.task, self.model, self.tokenizer, numbered, tokens, batch_size)
        return [
            self._scored(text, generated, log_probs)
            for (generated, text), log_probs in zip(written, scored, strict=True)
        ]

    def log_probs(
        self, rows: Sequence[Row], *, batch_size: int = BATCH_SIZE
    ) -> list[npt.NDArray[np.float64]]:
        """Calibrated log-probabilities, nats, of every supervised token of rows that hold their answers too,
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

    def _scored(self, text: str, written: Generated, log_probs: Sequence[float]) -> ScoredAnswer:
        log_prob = min(0.0, float(np.interp(1.0 / self.temperature, GRID, log_probs)))
        curve = self.answer_curve
        confidence = None if curve is None else float(1 / (1 + np.exp(-(curve[0] * log_prob + curve[1]))))
        return ScoredAnswer(text, len(written.ids) + written.stopped, written.stopped, log_prob, confidence)
