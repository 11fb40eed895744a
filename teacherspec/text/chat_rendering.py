"""Conversations as text, with the supervised spans recorded while the text is built.

Spans are known by construction: they are neither searched for in tokens nor derived from the length of
separately tokenised text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.conversation import Conversation, Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Rendered(NamedTuple):
    """A conversation as the model reads it.

    Attributes:
        text: everything, from the first character to the end of the last answer.
        spans: `(start, end)` in characters of each supervised piece: an answer and the stop token after it.
        images: `(start, end)` of the text that replaces each image, see `image_placeholders`.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    images: tuple[tuple[int, int], ...] = ()


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

    Attributes:
        apply: from turns, and whether to append the prefix of an answer, to text.
        stop: text of the token with which the template ends an answer.
        adds_special_tokens: always False: the template writes BOS itself, where there is one.
    """

    apply: Callable[[Sequence[Turn], bool], str]
    stop: str
    adds_special_tokens: bool = False

    def prompt(self, conversation: Conversation) -> str:
        """All turns before the answer, and what the template writes before an answer."""
        return self.apply(conversation.prompt, True)

    def render(self, conversation: Conversation) -> Rendered:
        """All turns, up to the stop token of the last.

        Raises:
            DataError: the template rewrites earlier turns, so that the prompt in inference would differ from
                the one in training.
        """
        turns = conversation.turns()
        text = self.apply(turns, False)
        spans = tuple(
            self._span(text, turns, number) for number, turn in enumerate(turns) if turn.role == "assistant"
        )
        return Rendered(text[: spans[-1][1]], spans)

    def _span(self, text: str, turns: Sequence[Turn], number: int) -> tuple[int, int]:
        prefix = self.apply(turns[:number], True)
        if not text.startswith(prefix):
            raise DataError(
                f"turn {number + 1}: the chat template writes what came before an answer differently once "
                "more turns follow; declare another task.rendering.template"
            )
        content = turns[number].content.strip()
        begins = text.find(content, len(prefix))
        ends = text.find(self.stop, begins + len(content))
        if begins < 0 or ends < 0:
            raise DataError(
                f"turn {number + 1}: the chat template does not repeat the answer and end it with "
                f"{self.stop}; declare another task.rendering.template"
            )
        return len(prefix), ends + len(self.stop)


Renderer = PlainRenderer | ChatRenderer
"""How conversations become text."""


def chat_renderer(
    tokenizer: "PreTrainedTokenizerBase", template: str | None, image: str | None = None
) -> ChatRenderer:
    """The chat template of the base, or a declared one.

    Args:
        tokenizer: of the base.
        template: Jinja text; None takes the base's own.
        image: text that the template writes for an image, for vision-language bases; their templates take
        each
            content as a list of parts, `{"type": "image"}` and `{"type": "text", "text": …}`.

    Raises:
        BaseModelError: there is none, it fails, or it ends an answer without a special token.
    """
    if template is None and tokenizer.chat_template is None:
        raise BaseModelError(
            "task.rendering: the base has no chat template; declare one under task.rendering.template, "
            "or use `kind: plain`"
        )

    def apply(turns: Sequence[Turn], answer_follows: bool) -> str:
        return _apply(tokenizer, template, turns, answer_follows, in_parts=image is not None)

    probe = [Turn("user", "Ping?", () if image is None else (0,)), Turn("assistant", "Pong.")]
    try:
        prompt, text = apply(probe[:1], True), apply(probe, False)
    except DataError as error:
        raise BaseModelError(f"task.rendering: {error}") from error
    if image is not None and text.count(image) != 1:
        raise BaseModelError(
            f"task.rendering: the chat template writes {image} {text.count(image)} times for one image; "
            "declare a template that writes it once for each part of the type `image`"
        )
    begins = text.find("Pong.", len(prompt) if text.startswith(prompt) else 0)
    if begins < 0:
        raise BaseModelError(
            "task.rendering: the chat template leaves the answer out; declare another template"
        )
    rest = text[begins + len("Pong.") :]
    found = sorted((rest.find(token), token) for token in special_texts(tokenizer) if token in rest)
    if not found:
        raise BaseModelError(
            "task.rendering: the chat template ends an answer with no special token, so that the model "
            f"would never stop (it ends with {rest!r}); put the end token into the template"
        )
    return ChatRenderer(apply, found[0][1])


def _apply(
    tokenizer: "PreTrainedTokenizerBase",
    template: str | None,
    turns: Sequence[Turn],
    answer_follows: bool,
    *,
    in_parts: bool,
) -> str:
    from jinja2 import TemplateError

    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": _in_parts(turn) if in_parts else turn.content} for turn in turns
    ]
    try:
        return str(
            tokenizer.apply_chat_template(
                messages, chat_template=template, tokenize=False, add_generation_prompt=answer_follows
            )
        )
    except TemplateError as error:
        raise DataError(f"the chat template refuses these turns: {error}") from error


def _in_parts(turn: Turn) -> list[dict[str, str]]:
    return [{"type": "image"} if part is None else {"type": "text", "text": part} for part in turn.parts()]


def special_texts(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """Texts that the tokenizer reads as one special token each, the longest first."""
    added = tokenizer.added_tokens_decoder.values()
    texts = {token.content for token in added if token.special} | set(tokenizer.all_special_tokens)
    return sorted(texts, key=lambda text: (-len(text), text))
