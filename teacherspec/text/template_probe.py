"""What a chat template writes around an answer, found by rendering a probe with it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.chat_rendering import SYSTEM_IN_USER, Apply, ChatRenderer
from teacherspec.text.chat_template import (
    decided_option,
    refuse_addresses,
    with_opening,
    with_system_in_user,
)
from teacherspec.text.conversation import Turn
from teacherspec.text.thoughts import Marks, Thoughts, marks_in
from teacherspec.text.tokenization import special_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUESTION, ANSWER = "Ping?", "Pong."
"""The probe."""


def chat_renderer(
    tokenizer: "PreTrainedTokenizerBase", template: str, thoughts: Thoughts = "none", image: str | None = None
) -> ChatRenderer:
    """Renders by a chat template, see `completed_template`.

    Args:
        tokenizer: of the base.
        template: Jinja text.
        thoughts: `task.thoughts`.
        image: text that the template writes for an image, for vision-language bases; their templates take
            each content as a list of parts, `{"type": "image"}` and `{"type": "text", "text": …}`.

    Raises:
        BaseModelError: it fails, does not write an answer as it is, or ends it without a special token.
    """
    apply = _applier(tokenizer, template, image)
    prompt, text = _probed(apply, image)
    refuse_addresses(text)
    if image is not None and text.count(image) != 1:
        raise BaseModelError(
            f"task.rendering: the chat template writes {image} {text.count(image)} times for one image; "
            "declare a template that writes it once for each part of the type `image`"
        )
    begins = text.find(ANSWER, len(prompt) if text.startswith(prompt) else 0)
    if begins < 0:
        raise BaseModelError(
            "task.rendering: the chat template leaves the answer out; declare another template"
        )
    rest = text[begins + len(ANSWER) :]
    found = sorted((rest.find(token), token) for token in special_texts(tokenizer) if token in rest)
    if not found:
        raise BaseModelError(
            "task.rendering: the chat template ends an answer with no special token, so that the model "
            f"would never stop (it ends with {rest!r}); put the end token into the template"
        )
    if lost := rest[: found[0][0]].strip():
        raise BaseModelError(
            f"task.rendering: the chat template writes {lost!r} after every answer; declare another template"
        )
    lead = text[len(prompt) : begins] if text.startswith(prompt) else ""
    if lead.strip():  # `completed_template` left a thought open, which `marks` writes
        lead = ""
    marks = _marks(template, prompt) if thoughts == "learned" else None
    return ChatRenderer(apply, found[0][1], lead, rest[: found[0][0]], marks)


def completed_template(
    tokenizer: "PreTrainedTokenizerBase", template: str, thoughts: Thoughts, image: str | None = None
) -> str:
    """The template with what an answer begins with decided.

    What a template writes by itself between the prefix of an answer and the answer, such as an empty thought,
    belongs to the prompt, in training as in inference: it is neither learned nor scored. Where thoughts are
    learned, the prompt leaves them open.

    Raises:
        BaseModelError: as `chat_renderer`; or thoughts are to be learned after a prompt that ends one.
    """
    opening = _opening(tokenizer, template, image)
    ends = marks_in(template)[1]

    def is_open(candidate: str) -> bool:
        return ends not in _tail(tokenizer, candidate, image)

    if thoughts == "learned":
        if opening.strip() and not any(mark in opening for mark in marks_in(template)):
            raise BaseModelError(
                f"task.thoughts: the chat template writes {opening!r} before every answer, and it is not "
                "known how it marks a thought; declare another task.rendering.template to learn thoughts"
            )
        if is_open(template):
            return template
        if (found := decided_option(template, is_open, value=True)) is not None:
            return found
        raise BaseModelError(
            "task.thoughts: the chat template ends the thought before an answer is written; declare another "
            "task.rendering.template to learn thoughts"
        )
    if not opening:
        return template

    def is_complete(candidate: str) -> bool:
        return not _opening(tokenizer, candidate, image)

    return decided_option(template, is_complete, value=False) or with_opening(template, opening)


def _opening(tokenizer: "PreTrainedTokenizerBase", template: str, image: str | None) -> str:
    """What the template writes between the prefix of an answer and the answer; white space alone is none."""
    prompt, text = _probed(_applier(tokenizer, template, image), image)
    begin, end = marks_in(template)
    opens = prompt.rstrip().endswith(begin)
    if not text.startswith(prompt):
        # The prefix of an answer opens a thought which the answers of the template do not have.
        return f"\n{end}\n\n" if opens else ""
    opening = text[len(prompt) : max(len(prompt), text.find(ANSWER, len(prompt)))]
    return opening if opening.strip() else f"\n{end}\n\n" if opens else ""


def _tail(tokenizer: "PreTrainedTokenizerBase", template: str, image: str | None) -> str:
    """The prompt after the text of the user."""
    return _probed(_applier(tokenizer, template, image), image)[0].rpartition(QUESTION)[2]


def _marks(template: str, prompt: str) -> Marks:
    begin, end = marks_in(template)
    opens = prompt.rstrip().endswith(begin)
    return Marks("" if opens else f"{begin}\n", f"\n{end}\n\n")


def _applier(tokenizer: "PreTrainedTokenizerBase", template: str, image: str | None) -> Apply:
    def apply(turns: Sequence[Turn], answer_follows: bool) -> str:
        return _apply(tokenizer, template, turns, answer_follows, in_parts=image is not None)

    return apply


def _probed(apply: Apply, image: str | None) -> tuple[str, str]:
    """A prompt, and the same with its answer. Raises `BaseModelError`."""
    probe = [Turn("user", QUESTION, () if image is None else (0,)), Turn("assistant", ANSWER)]
    try:
        return apply(probe[:1], True), apply(probe, False)
    except DataError as error:
        raise BaseModelError(f"task.rendering: {error}") from error


def _apply(
    tokenizer: "PreTrainedTokenizerBase",
    template: str,
    turns: Sequence[Turn],
    answer_follows: bool,
    *,
    in_parts: bool,
) -> str:
    from jinja2 import TemplateError

    def rendered(given: str) -> str:
        return str(
            tokenizer.apply_chat_template(
                messages, chat_template=given, tokenize=False, add_generation_prompt=answer_follows
            )
        )

    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": _in_parts(turn) if in_parts else turn.content} for turn in turns
    ]
    failures = (TemplateError, TypeError, ValueError, KeyError)
    try:
        return rendered(template)
    except failures as error:
        remedy = ""
        if turns[0].role == "system":
            with suppress(*failures):
                rendered(with_system_in_user(template))
                remedy = f"; {SYSTEM_IN_USER} writes the system prompt before the first text of the user"
        raise DataError(f"the chat template refuses these turns: {error}{remedy}") from error


def _in_parts(turn: Turn) -> list[dict[str, str]]:
    return [{"type": "image"} if part is None else {"type": "text", "text": part} for part in turn.parts()]
