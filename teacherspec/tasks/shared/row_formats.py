"""The formats of instruction data, each read into a `Conversation`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from teacherspec.errors import DataError
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.history import HistoryColumn
from teacherspec.tasks.shared.columns.messages import LastMessageColumn, PromptMessagesColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import AnswerColumn, OptionalTextColumn, TextColumn
from teacherspec.text.conversation import Conversation, Role, Turn

RowFormatName = Literal["prompt_completion", "messages", "alpaca"]
PromptColumn = Literal["system", "history"]

ALPACA_FRAME = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the "
    "request.\n\n### Instruction:\n{prompt}\n\n### Response:\n"
)
"""Frame of plain text for Alpaca rows (Taori et al. 2023)."""


PAIR: tuple[Role, Role] = ("user", "assistant")
"""Who says the two texts of a pair in the column `history`."""

PROMPT_COLUMNS: Mapping[PromptColumn, Column] = {
    "system": OptionalTextColumn("system"),
    "history": HistoryColumn("history"),
}
"""Columns besides those of a format that may be declared as part of the prompt."""

CONDITIONS = {
    "system": "declare `task.prompt_columns: [system]`",
    "system_prompt": "declare `task.prompt_columns: [system]` and, in the source, "
    "`columns: {system: system_prompt}`",
    "history": "declare `task.prompt_columns: [history]`",
    **dict.fromkeys(("context", "documents"), "write it into the turns of `task.rows: messages`"),
    **dict.fromkeys(("tools", "functions"), "tools are not supported"),
}
"""Columns of instruction data, besides those of a format, that other programs put into the prompt; and how to
declare each."""


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
            conditions={
                **CONDITIONS,
                **dict.fromkeys(("input", "instruction"), "declare `task.rows: alpaca`"),
            },
        ),
        _prompt_completion,
        "{prompt}",
    ),
    "messages": RowFormat(
        lambda in_parts: RowSchema(
            content=(PromptMessagesColumn("prompt", in_parts),),
            answers=(LastMessageColumn("answer", in_parts),),
            conditions={**CONDITIONS, "history": "write it into the column of messages"},
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


def with_prompt_columns(schema: RowSchema, names: Sequence[PromptColumn]) -> RowSchema:
    """The columns of a row to which others belong that go into the prompt."""
    left = {name: remedy for name, remedy in schema.conditions.items() if name not in names}
    added = (PROMPT_COLUMNS[name] for name in names)
    return replace(schema, content=(*added, *schema.content), conditions=left)


def with_earlier_turns(conversation: Conversation, row: Mapping[str, Any]) -> Conversation:
    """The conversation after the system prompt and the pairs in columns of a prepared row, where it has any.

    Raises:
        DataError: it begins with another system prompt.
    """
    system = row.get("system") or None
    first = conversation.prompt[0]
    if system is not None and first.role == "system" and first.content != system:
        raise DataError("has two system prompts, in the column system and in its messages; leave one out")
    pairs = row.get("history") or ()
    earlier = [Turn(role, text) for pair in pairs for role, text in zip(PAIR, pair, strict=True)]
    return replace(conversation, prompt=(*earlier, *conversation.prompt)).with_system(system)
