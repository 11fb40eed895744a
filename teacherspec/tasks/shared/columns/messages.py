"""Columns that hold the messages of a conversation: the prompt, and the answer that ends it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.columns.base import Column, ColumnError, shown
from teacherspec.tasks.shared.columns.message_formats import TOOLS, joined, read_message
from teacherspec.tasks.shared.columns.text import TextColumn, compared
from teacherspec.text.conversation import problem_with_roles

if TYPE_CHECKING:
    import pyarrow as pa

MAX_MESSAGES = 1_000


@dataclass(frozen=True)
class MessagesColumn(Column):
    """A list of `{"role": …, "content": …}` that ends with an answer of the assistant.

    Attributes:
        in_parts: whether a content may hold `{"type": "image"}` as well as texts; it is stored as
            `IMAGE_MARK`.
    """

    in_parts: bool = False

    @property
    def source_column(self) -> str:
        """Column of the file that holds both prompt and answer."""
        return "messages"

    def _messages(self, value: Any, with_answer: bool = True) -> list[dict[str, Any]]:
        """Messages that end with an answer of the assistant, or with the prompt for one."""
        least = 2 if with_answer else 1
        if not isinstance(value, list | tuple) or not least <= len(value) <= MAX_MESSAGES:
            raise ColumnError(f"must be a list of {least} to {MAX_MESSAGES} turns (given {shown(value)})")
        messages = [self._message(number, message) for number, message in enumerate(value, start=1)]
        if with_answer and messages[-1]["role"] == "assistant":
            # Nothing that is learned depends on what follows the last answer with a weight.
            while messages and not (messages[-1]["role"] == "assistant" and messages[-1]["learned"]):
                messages.pop()
            if not messages:
                raise ColumnError("has no answer to learn from: the weights of all are 0")
        roles = [message["role"] for message in messages]
        if not with_answer and roles[-1] == "assistant":
            raise ColumnError("must end with a turn of the user, which is answered; take the last answer out")
        if problem := problem_with_roles(roles if with_answer else [*roles, "assistant"]):
            raise ColumnError(problem)
        return messages

    def _message(self, number: int, given: Any) -> dict[str, Any]:
        try:
            message = read_message(given)
            content = message.content
            if isinstance(content, list | tuple):
                content = joined(content, with_images=self.in_parts)
        except ColumnError as error:
            if str(error) == TOOLS:
                raise
            raise ColumnError(f"turn {number}: {error}") from error
        try:
            text = TextColumn("content").read(content)
        except ColumnError as error:
            raise ColumnError(f"turn {number}: content {error}") from error
        return {"role": message.role, "content": text, "learned": message.learned}


@dataclass(frozen=True)
class PromptMessagesColumn(MessagesColumn):
    """The messages before the last answer."""

    def read(self, value: Any) -> list[dict[str, Any]]:
        """All messages but the last. Raises `ColumnError`."""
        return self._messages(value)[:-1]

    def from_request(self, value: Any) -> list[dict[str, Any]]:
        """All messages, the last of which is the user's. Raises `ColumnError`."""
        return self._messages(value, with_answer=False)

    def key(self, value: Any) -> bytes:
        """Roles and contents as compared, one message a line."""
        turns = (f"{turn['role']}\x1f{compared(turn['content'], self.exact)}" for turn in value)
        return "\n".join(turns).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """A list of messages."""
        import pyarrow as pa

        return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("learned", pa.bool_())]))

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
