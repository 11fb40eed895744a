"""Columns that hold the messages of a conversation: the prompt, and the answer that ends it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.columns.base import Column, ColumnError, shown
from teacherspec.tasks.shared.columns.text import TextColumn, compared
from teacherspec.text.conversation import problem_with_turns

if TYPE_CHECKING:
    import pyarrow as pa

MAX_MESSAGES = 1_000

IMAGE_MARK = "<image>"
"""Stands for an image in a text, as in LLaVA's own rows, whatever the token of the base."""


@dataclass(frozen=True)
class MessagesColumn(Column):
    """A list of `{"role": …, "content": …}` that ends with an answer of the assistant.

    Attributes:
        in_parts: whether a content may be a list of `{"type": "text", "text": …}` and `{"type": "image"}`;
            an image is stored as `IMAGE_MARK`.
    """

    in_parts: bool = False

    @property
    def source_column(self) -> str:
        """Column of the file that holds both prompt and answer."""
        return "messages"

    def _messages(self, value: Any, with_answer: bool = True) -> list[dict[str, str]]:
        """Messages that end with an answer of the assistant, or with the prompt for one."""
        least = 2 if with_answer else 1
        if not isinstance(value, list | tuple) or not least <= len(value) <= MAX_MESSAGES:
            raise ColumnError(f"must be a list of {least} to {MAX_MESSAGES} turns (given {shown(value)})")
        messages = []
        for number, message in enumerate(value, start=1):
            if not isinstance(message, dict) or set(message) != {"role", "content"}:
                raise ColumnError(
                    f"turn {number} must have a role and a content only (given {shown(message)})"
                )
            try:
                messages.append({"role": str(message["role"]), "content": self._content(message["content"])})
            except ColumnError as error:
                raise ColumnError(f"turn {number}: content {error}") from error
        turns = [(message["role"], message["content"]) for message in messages]
        if not with_answer and turns[-1][0] == "assistant":
            raise ColumnError("must end with a turn of the user, which is answered; take the last answer out")
        if problem := problem_with_turns(turns if with_answer else [*turns, ("assistant", "")]):
            raise ColumnError(problem)
        return messages

    def _content(self, value: Any) -> str:
        parts = value if self.in_parts and isinstance(value, list | tuple) else None
        return TextColumn("content").read(value if parts is None else "".join(map(_part, parts)))


def _part(value: Any) -> str:
    match value:
        case {"type": "text", "text": str(text), **rest} if not any(rest.values()):
            return text
        case {"type": "image", **rest} if not any(rest.values()):
            return IMAGE_MARK
    raise ColumnError(
        'must have parts such as {"type": "image"}, whose image is in the column of images, and '
        f'{{"type": "text", "text": …}} (given {shown(value)})'
    )


@dataclass(frozen=True)
class PromptMessagesColumn(MessagesColumn):
    """The messages before the last answer."""

    def read(self, value: Any) -> list[dict[str, str]]:
        """All messages but the last. Raises `ColumnError`."""
        return self._messages(value)[:-1]

    def from_request(self, value: Any) -> list[dict[str, str]]:
        """All messages, the last of which is the user's. Raises `ColumnError`."""
        return self._messages(value, with_answer=False)

    def key(self, value: Any) -> bytes:
        """Roles and contents as compared, one message a line."""
        turns = (f"{turn['role']}\x1f{compared(turn['content'], self.exact)}" for turn in value)
        return "\n".join(turns).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """A list of messages."""
        import pyarrow as pa

        return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

    def text(self, value: Any) -> str:
        """The contents one after the other."""
        return " ".join(turn["content"] for turn in value)


@dataclass(frozen=True)
class LastMessageColumn(MessagesColumn):
    """The answer that ends the conversation, stored as a list of one reference."""

    def read(self, value: Any) -> list[str]:
        """The last content. Raises `ColumnError`."""
        return [self._messages(value)[-1]["content"]]

    def key(self, value: Any) -> bytes:
        """UTF-8 of the answer as compared."""
        return "\n".join(compared(text, self.exact) for text in value).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())

    def text(self, value: Any) -> str:
        """The answer."""
        return " ".join(value)
