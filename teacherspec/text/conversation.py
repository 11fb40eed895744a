"""The training data of a language model: turns of a conversation, those of the assistant supervised."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Turn:
    """One message.

    Attributes:
        role: of the speaker.
        content: the text.
        images: positions of images in the content, in characters, ascending.
        learned: whether a turn of the assistant is supervised.
    """

    role: Role
    content: str
    images: tuple[int, ...] = ()
    learned: bool = True

    def parts(self) -> Iterator[str | None]:
        """Texts, none empty, and images (None), in their order."""
        done = 0
        for place in self.images:
            yield from filter(None, (self.content[done:place],))
            yield None
            done = place
        yield from filter(None, (self.content[done:],))

    def from_character(self, start: int) -> "Turn":
        """The turn without the text before `start`; its images stay."""
        places = tuple(max(0, place - start) for place in self.images)
        return replace(self, content=self.content[start:], images=places)


@dataclass(frozen=True)
class Conversation:
    """A conversation that ends with the supervised answer.

    Attributes:
        prompt: the turns before the answer, at least one, the last one the user's. Earlier turns of the
            assistant are supervised too.
        answers: accepted answers; the first is supervised, all are references of an evaluation.
        images: encoded, one for each position in the turns, in their order.
    """

    prompt: tuple[Turn, ...]
    answers: tuple[str, ...]
    images: tuple[bytes, ...] = ()

    def turns(self) -> tuple[Turn, ...]:
        """All turns, the first answer last."""
        return (*self.prompt, Turn("assistant", self.answers[0]))

    def with_system(self, system: str | None) -> "Conversation":
        """The same under a system prompt, where it has none of its own."""
        if system is None or self.prompt[0].role == "system":
            return self
        return replace(self, prompt=(Turn("system", system), *self.prompt))

    def with_answers(self, change: Callable[[str], str], *, earlier_only: bool) -> "Conversation":
        """The same with the answers of the assistant changed, or only those before the last."""
        prompt = [
            replace(turn, content=change(turn.content)) if turn.role == "assistant" else turn
            for turn in self.prompt
        ]
        answers = self.answers if earlier_only else tuple(map(change, self.answers))
        return replace(self, prompt=tuple(prompt), answers=answers)


def problem_with_roles(roles: Sequence[str]) -> str | None:
    """What is wrong with the roles of a conversation, in words; None where nothing is.

    It ends with the assistant, after another turn, and holds one of the user. Whether roles may come in this
    order is left to the chat template.
    """
    if unknown := sorted({role for role in roles if role not in ROLES}):
        return f"has the role {', '.join(unknown)} (allowed: {', '.join(ROLES)})"
    if len(roles) < 2 or roles[-1] != "assistant" or roles[-2] == "assistant" or "user" not in roles:
        return "must end with a turn of the assistant, after one of the user"
    return None
