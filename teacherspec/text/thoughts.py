"""The thought that a reasoning model writes before its answer, between two marks."""

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from teacherspec.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Thoughts = Literal["none", "learned", "dropped"]
"""`task.thoughts`."""

MARKS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""How published models mark where a thought begins and ends; the first is by far the most common."""

_BLOCK = re.compile(
    r"\A\s*(?:" + "|".join(f"{re.escape(begin)}(.*?){re.escape(end)}" for begin, end in MARKS) + r")\s*",
    re.DOTALL,
)


class Marks(NamedTuple):
    """What a chat template writes around a thought, after the prefix of an answer.

    Attributes:
        before: before the thought; empty where the prefix of an answer already opens it.
        after: between the thought and the answer.
    """

    before: str
    after: str


def split_thought(text: str) -> tuple[str | None, str]:
    """The thought that a text begins with, without white space around it, and the answer after it."""
    found = _BLOCK.match(text)
    if found is None:
        return None, text
    thought = next(group for group in found.groups() if group is not None)
    return thought.strip(), text[found.end() :]


def without_thought(text: str) -> str:
    """A text of the data without the thought that it begins with."""
    return split_thought(text)[1]


def reply(text: str, *, opened: bool = False) -> str:
    """What a reader sees of a generated text: all after its thought; nothing where the thought never ends.

    Args:
        text: as generated.
        opened: whether the prompt already opened the thought.
    """
    ends = [(text.rfind(end), end) for _, end in MARKS if end in text]
    if ends:
        place, end = max(ends)
        return text[place + len(end) :].lstrip()
    begins = text.lstrip().startswith(tuple(begin for begin, _ in MARKS))
    return "" if opened or begins else text


def ending_tokens(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Ids of the single tokens that end a thought: special ones vanish from decoded text."""
    known = tokenizer.added_tokens_encoder
    return frozenset(known[end] for _, end in MARKS if end in known)


def is_open(prompt: str) -> bool:
    """Whether a prompt ends with the beginning of a thought."""
    return prompt.rstrip().endswith(tuple(begin for begin, _ in MARKS))


def marks_in(template: str) -> tuple[str, str]:
    """The marks that a chat template knows; the most common ones where it knows none."""
    return next((marks for marks in MARKS if marks[1] in template), MARKS[0])


def refuse_thought(text: str) -> None:
    """Refuse an answer with a thought.

    Raises:
        DataError: the text begins with one.
    """
    if split_thought(text)[0] is not None:
        begin, end = next(marks for marks in MARKS if marks[1] in text)
        raise DataError(
            f"has a thought ({begin}…{end}) before an answer; declare task.thoughts: learned or dropped"
        )


def without_marks(text: str) -> str:
    """The text without the marks of the thought that it begins with."""
    thought, answer = split_thought(text)
    return text if thought is None else f"{thought}\n{answer}"
