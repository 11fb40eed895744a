"""Conversations as text, with the supervised spans recorded while the text is built.

Spans are known by construction: they are neither searched for in tokens nor derived from the length of
separately tokenised text.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.chat_template import (
    decided_option,
    refuse_addresses,
    with_opening,
    with_system_in_user,
)
from teacherspec.text.conversation import Conversation, Turn
from teacherspec.text.thoughts import Marks, Thoughts, marks_in, split_thought

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Apply = Callable[[Sequence[Turn], bool], str]
"""From turns, and whether to append the prefix of an answer, to text. Raises `DataError`."""


class Rendered(NamedTuple):
    """A conversation as the model reads it.

    Attributes:
        text: everything, from the first character to the end of the last answer.
        spans: `(start, end)` in characters of each supervised piece: an answer and the stop token after it.
        images: `(start, end)` of the text that replaces each image, see `image_placeholders`.
        unlearned: earlier answers that are not supervised, because inference would give another prompt.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    images: tuple[tuple[int, int], ...] = ()
    unlearned: int = 0


@dataclass(frozen=True)
class PlainRenderer:
    """One prompt and its answer in a declared frame.

    Attributes:
        frame: text around the prompt, which replaces `{prompt}`; the system prompt replaces `{system}`.
        stop: text of the token that ends an answer.
        image: text inserted for an image.
        adds_special_tokens: whether the tokenizer puts its own tokens, such as BOS, before the text.
    """

    frame: str
    stop: str
    image: str = ""
    adds_special_tokens: bool = True

    def prompt(self, conversation: Conversation) -> str:
        """The frame with the prompt in it.

        Raises:
            DataError: there are several turns, or a system prompt but no `{system}`.
        """
        turns = {turn.role: self._text(turn) for turn in conversation.prompt}
        if len(turns) < len(conversation.prompt) or "assistant" in turns:
            raise DataError("has several turns, which a plain rendering does not separate; use chat")
        if "system" in turns and "{system}" not in self.frame:
            raise DataError("has a system prompt and task.rendering no {system}; add it, or use chat")
        # Each piece is inserted once: braces in the data are not replaced.
        before, _, after = self.frame.partition("{prompt}")
        filled = [part.replace("{system}", turns.get("system", "")) for part in (before, after)]
        return turns["user"].join(filled)

    def _text(self, turn: Turn) -> str:
        return "".join(self.image if part is None else part for part in turn.parts())

    def render(self, conversation: Conversation) -> Rendered:
        """Prompt, answer and stop token. Raises `DataError`."""
        prompt = self.prompt(conversation)
        text = prompt + conversation.answers[0] + self.stop
        return Rendered(text, ((len(prompt), len(text)),))


@dataclass(frozen=True)
class ChatRenderer:
    """Turns in a chat template.

    The text of training is the prompt of inference, and then the answer as the template writes it.

    Attributes:
        apply: the template.
        stop: text of the token with which the template ends an answer.
        lead: white space that it writes before an answer.
        trail: white space that it writes between an answer and the stop token.
        marks: what it writes around a thought; None where no thoughts are learned.
        adds_special_tokens: always False: the template writes BOS itself, where there is one.
    """

    apply: Apply
    stop: str
    lead: str = ""
    trail: str = ""
    marks: Marks | None = None
    adds_special_tokens: bool = False

    def prompt(self, conversation: Conversation) -> str:
        """All turns before the answer, and what the template writes before an answer.

        Raises:
            DataError: the template refuses the turns, or leaves the text of one out.
        """
        text = self.apply(conversation.prompt, True)
        for number, turn in enumerate(conversation.prompt, start=1):
            if any(part is not None and part.strip() not in text for part in turn.parts()):
                remedy = f"{SYSTEM_IN_USER}, or " if turn.role == "system" else ""
                raise DataError(
                    f"turn {number}: the chat template does not write the text of the {turn.role} as it is; "
                    f"declare {remedy}another task.rendering.template"
                )
        return text

    def render(self, conversation: Conversation) -> Rendered:
        """All turns, up to the stop token of the last.

        Raises:
            DataError: as `prompt`; or the template does not write the answer as it is.
        """
        prompt, answer = self.prompt(conversation), conversation.answers[0]
        thought, said = split_thought(answer) if self.marks else (None, answer)
        written = self._written(said, self.apply((*conversation.prompt, Turn("assistant", said)), False))
        if written is None:
            raise DataError(
                f"the chat template does not repeat the answer and end it with {self.stop}; declare another "
                "task.rendering.template"
            )
        opening = "" if self.marks is None else (thought or "").join(self.marks)
        text = prompt + opening + self.lead + written
        earlier = self._earlier(text, conversation.prompt)
        learned = sum(turn.role == "assistant" and turn.learned for turn in conversation.prompt)
        return Rendered(text, (*earlier, (len(prompt), len(text))), unlearned=learned - len(earlier))

    def _written(self, answer: str, text: str) -> str | None:
        """The answer as it stands in a rendered text, which may strip it, and its stop token."""
        stripped = (answer, answer.rstrip(), answer.lstrip(), answer.strip())
        candidates = (variant + self.trail + self.stop for variant in stripped)
        return next((candidate for candidate in candidates if candidate in text), None)

    def _earlier(self, text: str, turns: Sequence[Turn]) -> list[tuple[int, int]]:
        """Spans of the earlier answers whose prompt in inference is what stands before them here.

        A template may write turns differently once more follow; where it leaves out their thoughts, no answer
        without one is learned from.
        """
        found = []
        for number, turn in enumerate(turns):
            if turn.role != "assistant" or not turn.learned or self.marks is not None:
                continue
            before = self.apply(turns[:number], True)
            after = text[len(before) :] if text.startswith(before) else ""
            written = self.lead + (self._written(turn.content, after) or "")
            if len(written) > len(self.lead) and after.startswith(written):
                found.append((len(before), len(before) + len(written)))
        return found


SYSTEM_IN_USER = "`task.rendering.system_in: user_turn`"

Renderer = PlainRenderer | ChatRenderer
"""How conversations become text."""

QUESTION, ANSWER = "Ping?", "Pong."


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


def special_texts(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """Texts that the tokenizer reads as one special token each, the longest first."""
    added = tokenizer.added_tokens_decoder.values()
    texts = {token.content for token in added if token.special} | set(tokenizer.all_special_tokens)
    return sorted(texts, key=lambda text: (-len(text), text))
