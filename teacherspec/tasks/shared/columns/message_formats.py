"""One message of a conversation as programs write it: keys of OpenAI and ShareGPT, null keys, weights."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from teacherspec.tasks.shared.columns.base import ColumnError, shown
from teacherspec.text.thoughts import MARKS

IMAGE_MARK = "<image>"
"""Stands for an image in a text, as in LLaVA's own rows, whatever the token of the base."""

ALIASES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "developer": "system",
}
"""Names of roles in ShareGPT's and OpenAI's rows."""

TOOL_ROLES = frozenset({"tool", "function", "observation", "ipython", "function_call"})
TOOL_KEYS = frozenset({"tool_calls", "function_call", "tool_call_id"})

TOOLS = (
    "a conversation uses tools, which are not supported; leave such rows out, with a transform such as "
    '`{kind: filter, keep_if: \'!messages.exists(m, m.role == "tool" || has(m.tool_calls) && '
    "m.tool_calls != null)'}`"
)

THOUGHT_KEYS = ("reasoning_content", "reasoning", "thinking")
"""Keys under which a message holds the thought before its content."""


class Message(NamedTuple):
    """A message in the terms of this project.

    Attributes:
        role: as named here.
        content: a text, or parts.
        learned: false where its weight is 0.
    """

    role: str
    content: Any
    learned: bool


def read_message(message: Any) -> Message:
    """A message of a row; keys with null or nothing in them count as absent.

    Raises:
        ColumnError: it lacks role or content, or holds what would be dropped.
    """
    if not isinstance(message, dict):
        raise ColumnError(f"must have a role and a content (given {shown(message)})")
    given = {key: value for key, value in message.items() if value not in (None, [], {})}
    if "from" in given and "role" not in given:
        given["role"] = given.pop("from")
        given["content"] = given.pop("value", None)
    role = ALIASES.get(str(given.pop("role", "")), str(message.get("role", message.get("from"))))
    if role in TOOL_ROLES or not TOOL_KEYS.isdisjoint(given):
        raise ColumnError(TOOLS)
    content, learned = given.pop("content", None), _learned(given.pop("weight", given.pop("learned", 1)))
    for key in THOUGHT_KEYS:
        if key in given:
            content = f"{MARKS[0][0]}\n{given.pop(key)}\n{MARKS[0][1]}\n\n{content}"
    if given or content is None:
        more = f"; {', '.join(sorted(given))} would be dropped" if given else ""
        raise ColumnError(f"must have a role and a content only (given {shown(message)}{more})")
    return Message(role, content, learned)


def _learned(weight: Any) -> bool:
    if weight not in (0, 1):
        raise ColumnError(f"weight must be 0 or 1 (given {shown(weight)})")
    return bool(weight)


def joined(parts: Sequence[Any], *, with_images: bool) -> str:
    """The text of content parts; two texts in a row are separate lines, so that no words are joined.

    Raises:
        ColumnError: a part is neither a text nor, where there are images, an image.
    """
    text = ""
    for number, part in enumerate(parts):
        piece = _part(part, with_images)
        follows_text = number > 0 and IMAGE_MARK not in (piece, text[-len(IMAGE_MARK) :])
        if follows_text and not (text[-1:].isspace() or piece[:1].isspace()):
            text += "\n"
        text += piece
    return text


def _part(value: Any, with_images: bool) -> str:
    match value:
        case {"type": "text", "text": str(text), **rest} if not any(rest.values()):
            return text
        case {"type": "image", **rest} if with_images and not any(rest.values()):
            return IMAGE_MARK
    image = '{"type": "image"}, whose image is in the column of images, and ' if with_images else ""
    raise ColumnError(
        f'content must have parts such as {image}{{"type": "text", "text": …}} (given {shown(value)})'
    )
