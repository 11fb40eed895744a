"""The prompts that `evaluate` answers, with their references."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.runtime.atomic_io import sha256_bytes
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.conversation import Conversation

ANSWERED = ("calibration", "test")
"""Splits with generated answers: one to fit the confidence of answers, one to report it."""


Key = tuple[Any, ...]
"""Of a prompt: its turns, and hashes of its images."""


@dataclass(frozen=True)
class Prompts:
    """Rows to answer: one for each distinct prompt, with all answers that the split gives to it.

    Attributes:
        numbers: of these rows in the split.
        rows: with the columns of the task.
        references: of each row, those of all rows with the same prompt.
        texts: text of each prompt, before the chat template.
    """

    numbers: Sequence[int]
    rows: Sequence[dict[str, Any]]
    references: Sequence[tuple[str, ...]]
    texts: Sequence[str]


def gather_prompts(task: GenerationTask, rows: Any, most: int) -> Prompts:
    """At most `most` rows with different prompts, spread evenly over a split."""
    first: dict[Key, int] = {}
    references: dict[Key, dict[str, None]] = {}
    for at, row in enumerate(rows):
        conversation = task.conversation(row)
        key = _key(conversation)
        first.setdefault(key, at)
        references.setdefault(key, {}).update(dict.fromkeys(map(task.reply, conversation.answers)))
    keys = list(first)
    chosen = np.unique(np.linspace(0, len(keys) - 1, min(most, len(keys))).round().astype(int))
    numbers = [first[keys[at]] for at in chosen]
    picked = [dict(rows[number]) for number in numbers]
    return Prompts(
        numbers,
        picked,
        [tuple(references[keys[at]]) for at in chosen],
        [prompt_text(task, row) for row in picked],
    )


def prompt_numbers(task: GenerationTask, rows: Any) -> npt.NDArray[np.int64]:
    """The number of the prompt of each row `[N]`, from 0 on; answers to one prompt share it."""
    found: dict[Key, int] = {}
    return np.asarray([found.setdefault(_key(task.conversation(row)), len(found)) for row in rows], np.int64)


def _key(conversation: Conversation) -> Key:
    return (conversation.prompt, *(sha256_bytes(image) for image in conversation.images))


def prompt_text(task: GenerationTask, row: Mapping[str, Any]) -> str:
    """The prompt of a row as a person reads it: several turns with their roles."""
    turns = task.conversation(row).prompt
    if len(turns) == 1:
        return turns[0].content
    return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)
