"""Rules of columns that hold turns of a conversation, or the answers to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.columns.base import Column, ColumnError, TextColumn, TextListColumn, normalised, shown
from teacherspec.text.conversation import problem_with_turns

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TURNS = 1_000

IMAGE_MARK = "<image>"
"""Where an image is shown in a text, as LLaVA's own rows have it, whatever the token of the base."""


@dataclass(frozen=True)
class AnswerColumn(TextListColumn):
    """What may be answered: a text, or a list of texts of which the first is learned.

    All of them are references of an evaluation.
    """

    def read(self, value: Any) -> list[str]:
        """The texts as given, as a list. Raises `ColumnError`."""
        return super().read([value] if isinstance(value, str) else value)


@dataclass(frozen=True)
class OptionalTextColumn(TextColumn):
    """A text that may be left empty or null."""

    def read(self, value: Any) -> str:
        """The text as given, null as the empty text. Raises `ColumnError`."""
        return "" if value in (None, "") else super().read(value)


@dataclass(frozen=True)
class MessagesColumn(Column):
    """A list of `{"role": …, "content": …}` that ends with an answer of the assistant.

    Attributes:
        in_parts: whether a content may be a list of `{"type": "text", "text": …}` and `{"type": "image"}`;
            an image is stored as `IMAGE_MARK`.
    """

    in_parts: bool = False

    @property
    def column(self) -> str:
        """Column of the file in which question and answer lie together."""
        return "messages"

    def _turns(self, value: Any, answered: bool = True) -> list[dict[str, str]]:
        """Turns that end with an answer of the assistant, or with what it is asked."""
        least = 2 if answered else 1
        if not isinstance(value, list | tuple) or not least <= len(value) <= MOST_TURNS:
            raise ColumnError(f"must be a list of {least} to {MOST_TURNS} turns (given {shown(value)})")
        turns = []
        for number, turn in enumerate(value, start=1):
            if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
                raise ColumnError(f"turn {number} must have a role and a content only (given {shown(turn)})")
            try:
                turns.append({"role": str(turn["role"]), "content": self._content(turn["content"])})
            except ColumnError as error:
                raise ColumnError(f"turn {number}: content {error}") from error
        said = [(turn["role"], turn["content"]) for turn in turns]
        if not answered and said[-1][0] == "assistant":
            raise ColumnError("must end with a turn of the user, which is answered; take the last answer out")
        if problem := problem_with_turns(said if answered else [*said, ("assistant", "")]):
            raise ColumnError(problem)
        return turns

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
    """The turns before the last answer."""

    near: ClassVar[bool] = True

    def read(self, value: Any) -> list[dict[str, str]]:
        """All turns but the last. Raises `ColumnError`."""
        return self._turns(value)[:-1]

    def asked(self, value: Any) -> list[dict[str, str]]:
        """All turns, the last of which is the user's. Raises `ColumnError`."""
        return self._turns(value, answered=False)

    def key(self, value: Any) -> bytes:
        """Roles and normalised contents, one turn a line."""
        return "\n".join(f"{turn['role']}\x1f{normalised(turn['content'])}" for turn in value).encode("utf-8")

    def storage(self) -> "pa.DataType":
        """A list of turns."""
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
        return [self._turns(value)[-1]["content"]]

    def key(self, value: Any) -> bytes:
        """UTF-8 of the normalised answer."""
        return "\n".join(map(normalised, value)).encode("utf-8")

    def storage(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())

    def text(self, value: Any) -> str:
        """The answer."""
        return " ".join(value)
