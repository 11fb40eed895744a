"""The formats of instruction data, each read into a `Conversation`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from teacherspec.tasks.shared.columns.messages import LastMessageColumn, PromptMessagesColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import AnswerColumn, OptionalTextColumn, TextColumn
from teacherspec.text.conversation import Conversation, Turn

RowFormatName = Literal["prompt_completion", "messages", "alpaca"]

ALPACA_FRAME = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the "
    "request.\n\n### Instruction:\n{prompt}\n\n### Response:\n"
)
"""Frame of plain text for Alpaca rows (Taori et al. 2023)."""


CONDITIONS = ("system", "system_prompt", "history", "context", "documents", "tools", "functions")
"""Columns of instruction data, besides those of a format, that other programs put into the prompt."""


@dataclass(frozen=True)
class RowFormat:
    """One format of rows.

    Attributes:
        schema: from whether images go with the rows to the columns of a row.
        conversation: from a prepared row to its conversation, which has no answers where the row has none, as
            in serving.
        frame: text around the prompt where it is rendered without a chat template.
    """

    schema: Callable[[bool], RowSchema]
    conversation: Callable[[Mapping[str, Any]], Conversation]
    frame: str


def _prompt_completion(row: Mapping[str, Any]) -> Conversation:
    return Conversation((Turn("user", row["prompt"]),), tuple(row.get("completion", ())))


def _messages(row: Mapping[str, Any]) -> Conversation:
    turns = tuple(
        Turn(turn["role"], turn["content"], learned=turn.get("learned", True)) for turn in row["prompt"]
    )
    return Conversation(turns, tuple(row.get("answer", ())))


def _alpaca(row: Mapping[str, Any]) -> Conversation:
    parts = [text for text in (row["instruction"], row["input"]) if text]
    return Conversation((Turn("user", "\n\n".join(parts)),), tuple(row.get("output", ())))


ROW_FORMATS: Mapping[RowFormatName, RowFormat] = {
    "prompt_completion": RowFormat(
        lambda _: RowSchema(
            content=(TextColumn("prompt"),),
            answers=(AnswerColumn("completion"),),
            conditions=(*CONDITIONS, "input", "instruction"),
        ),
        _prompt_completion,
        "{prompt}",
    ),
    "messages": RowFormat(
        lambda in_parts: RowSchema(
            content=(PromptMessagesColumn("prompt", in_parts),),
            answers=(LastMessageColumn("answer", in_parts),),
            conditions=CONDITIONS,
        ),
        _messages,
        "{prompt}",
    ),
    "alpaca": RowFormat(
        lambda _: RowSchema(
            content=(TextColumn("instruction"), OptionalTextColumn("input")),
            answers=(AnswerColumn("output"),),
            conditions=CONDITIONS,
        ),
        _alpaca,
        ALPACA_FRAME,
    ),
}
"""One entry a format of rows."""
