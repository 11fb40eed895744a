"""Conversations as text, with the supervised spans recorded while the text is built.

Spans are known by construction: they are neither searched for in tokens nor derived from the length of
separately tokenised text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from teacherspec.errors import DataError
from teacherspec.text.conversation import Conversation, Turn
from teacherspec.text.thoughts import Marks, split_thought

Apply = Callable[[Sequence[Turn], bool], str]
"""From turns, and whether to append the prefix of an answer, to text. Raises `DataError`."""

SYSTEM_IN_USER = "`task.rendering.system_in: user_turn`"
"""What helps where a template has no system turn."""


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


Renderer = PlainRenderer | ChatRenderer
"""How conversations become text."""
