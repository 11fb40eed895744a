"""The forms in which instruction data come, each read into one `Conversation`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from teacherspec.tasks.columns.base import RowFields, TextField
from teacherspec.tasks.columns.messages import AnswerField, LastTurnField, MaybeTextField, PromptTurnsField
from teacherspec.text.conversation import Conversation, Turn

RowForm = Literal["prompt_completion", "messages", "alpaca"]

ALPACA_FRAME = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the "
    "request.\n\n### Instruction:\n{prompt}\n\n### Response:\n"
)
"""Frame of plain text for Alpaca rows (Taori et al. 2023)."""


@dataclass(frozen=True)
class Exchange:
    """One form of rows.

    Attributes:
        fields: what `prepare` demands of a row.
        conversation: from a prepared row to what is said in it. A row without an answer, as served, gives a
            conversation without answers.
        frame: text around the question where it is rendered without a chat template.
    """

    fields: RowFields
    conversation: Callable[[Mapping[str, Any]], Conversation]
    frame: str


def _prompt_completion(row: Mapping[str, Any]) -> Conversation:
    return Conversation((Turn("user", row["prompt"]),), tuple(row.get("completion", ())))


def _messages(row: Mapping[str, Any]) -> Conversation:
    turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["prompt"])
    return Conversation(turns, tuple(row.get("answer", ())))


def _alpaca(row: Mapping[str, Any]) -> Conversation:
    parts = [text for text in (row["instruction"], row["input"]) if text]
    return Conversation((Turn("user", "\n\n".join(parts)),), tuple(row.get("output", ())))


EXCHANGES: Mapping[RowForm, Exchange] = {
    "prompt_completion": Exchange(
        RowFields(content=(TextField("prompt"),), answers=(AnswerField("completion"),)),
        _prompt_completion,
        "{prompt}",
    ),
    "messages": Exchange(
        RowFields(content=(PromptTurnsField("prompt"),), answers=(LastTurnField("answer"),)),
        _messages,
        "{prompt}",
    ),
    "alpaca": Exchange(
        RowFields(
            content=(TextField("instruction"), MaybeTextField("input")), answers=(AnswerField("output"),)
        ),
        _alpaca,
        ALPACA_FRAME,
    ),
}
"""One entry a form of rows."""
