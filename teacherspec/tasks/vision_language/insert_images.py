"""Images in a conversation: at the marks in its texts, or before the first question."""

from collections.abc import Sequence
from dataclasses import replace

from teacherspec.errors import DataError
from teacherspec.tasks.shared.columns.message_formats import IMAGE_MARK
from teacherspec.text.conversation import Conversation, Turn


def insert_images(conversation: Conversation, images: Sequence[bytes]) -> Conversation:
    """The conversation with each image at its `IMAGE_MARK`; without marks, before the first question.

    A line break next to a mark is removed with it: templates write their own.

    Raises:
        DataError: there are not as many marks as images, or one is not in a turn of the user.
    """
    for turn in (*conversation.prompt, *(Turn("assistant", answer) for answer in conversation.answers)):
        if turn.role != "user" and IMAGE_MARK in turn.content:
            raise DataError(
                f"has {IMAGE_MARK} in a turn of the {turn.role}; only those of the user have images"
            )
    turns = [_placed(turn) if turn.role == "user" else turn for turn in conversation.prompt]
    marks = sum(len(turn.images) for turn in turns)
    if not marks:
        first = next(at for at, turn in enumerate(turns) if turn.role == "user")
        turns[first] = replace(turns[first], images=(0,) * len(images))
    elif marks != len(images):
        raise DataError(
            f"has {len(images)} images and {marks} marks {IMAGE_MARK}; give each image one, or give none"
        )
    return replace(conversation, prompt=tuple(turns), images=tuple(images))


def _placed(turn: Turn) -> Turn:
    first, *rest = turn.content.split(IMAGE_MARK)
    content, images = first, []
    for text in rest:
        if not text.startswith("\n"):
            content = content.removesuffix("\n")
        images.append(len(content))
        content += text.removeprefix("\n")
    return Turn(turn.role, content, tuple(images))
