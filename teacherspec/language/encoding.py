"""Conversations as token ids, with the learned tokens marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from teacherspec.errors import BaseError, DataError
from teacherspec.language.conversation import Conversation
from teacherspec.language.rendering import Rendered, Renderer, special_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OverLong = Literal["refuse", "truncate_prompt"]

SENTINELS = ("\n", ".", ":", "a", "0")
"""Texts put before a piece to have it tokenised as a continuation; one that does not merge with it serves."""


class Encoded(NamedTuple):
    """One conversation as the model reads it.

    Attributes:
        input_ids: `[L]`.
        supervised: `[L]`, 1 for each token that is learned; the stop tokens are.
        answer_start: where the last answer begins; the ids before it are what generation starts from.
        cut: tokens taken off the prompt to make it fit.
        split: whether the text was tokenised in pieces, because a token would have reached over a boundary.
    """

    input_ids: list[int]
    supervised: list[int]
    answer_start: int
    cut: int
    split: bool


@dataclass(frozen=True)
class Encoder:
    """From conversations to token ids.

    Attributes:
        tokenizer: of the base, a fast one.
        renderer: how conversations become text.
        max_length: longest sequence, tokens.
        over_long: what becomes of a longer one.
    """

    tokenizer: "PreTrainedTokenizerBase"
    renderer: Renderer
    max_length: int
    over_long: OverLong = "refuse"

    @cached_property
    def stop_id(self) -> int:
        """Id of the token that ends an answer.

        Raises:
            BaseError: the stop text is not one token.
        """
        ids = self.tokenizer(self.renderer.stop, add_special_tokens=False)["input_ids"]
        if len(ids) != 1 or self.renderer.stop not in special_texts(self.tokenizer):
            raise BaseError(
                f"task.rendering: {self.renderer.stop!r} is no special token of this base; allowed: "
                f"{', '.join(special_texts(self.tokenizer)) or 'it has none'}"
            )
        return int(ids[0])

    @cached_property
    def prefix(self) -> list[int]:
        """Ids that the tokenizer puts before every text, such as BOS; none where the renderer writes them."""
        if not self.renderer.adds_special_tokens:
            return []
        bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        full = self.tokenizer("a", add_special_tokens=True)["input_ids"]
        starts = [at for at in range(len(full)) if full[at : at + len(bare)] == bare]
        return list(full[: starts[0]]) if starts else []

    def encode(self, conversation: Conversation) -> Encoded:
        """The whole conversation.

        Raises:
            DataError: it holds a special token, cannot be rendered, or is too long; without the row's name.
        """
        self._refuse_special(conversation)
        rendered = self.renderer.render(conversation)
        ids, supervised, split = self._tokenise(rendered)
        ids, supervised = self.prefix + ids, [0] * len(self.prefix) + supervised
        last_stop = len(supervised) - 1 - supervised[::-1].index(1)
        gaps = [at for at in range(last_stop) if not supervised[at]]
        answer_start = gaps[-1] + 1 if gaps else 0
        excess = len(ids) - self.max_length
        if excess > 0:
            self._refuse_long(len(ids), len(ids) - answer_start)
            keep = len(self.prefix)
            ids, supervised = (
                ids[:keep] + ids[keep + excess :],
                supervised[:keep] + supervised[keep + excess :],
            )
        return Encoded(ids, supervised, answer_start - max(excess, 0), max(excess, 0), split)

    def encode_prompt(self, conversation: Conversation) -> list[int]:
        """What the model reads before it answers, as a server makes it from the prompt alone.

        Raises:
            DataError: as `encode`.
        """
        self._refuse_special(conversation)
        text = self.renderer.prompt(conversation)
        return self.prefix + list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _refuse_special(self, conversation: Conversation) -> None:
        for text in (*(turn.content for turn in conversation.prompt), *conversation.answers):
            for token in special_texts(self.tokenizer):
                if token in text:
                    raise DataError(
                        f"holds {token}, which the tokenizer reads as one special token; take it out"
                    )

    def _refuse_long(self, length: int, answer: int) -> None:
        if self.over_long == "refuse":
            raise DataError(
                f"has {length} tokens (task.max_length is {self.max_length}); raise it, or declare "
                "task.over_long: truncate_prompt"
            )
        if answer + len(self.prefix) >= self.max_length:
            raise DataError(
                f"has an answer of {answer} tokens, which leaves no room for a prompt (task.max_length is "
                f"{self.max_length}); raise it, or take the row out"
            )

    def _tokenise(self, rendered: Rendered) -> tuple[list[int], list[int], bool]:
        """One tokenisation of the whole text; in pieces only where a token reaches over a boundary."""
        both = self.tokenizer(rendered.text, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = list(both["input_ids"]), both["offset_mapping"]
        cuts = [start for start, _ in rendered.spans if any(a < start < b for a, b in offsets)]
        # A prompt tokenised by itself may end otherwise than within the whole, without a token across.
        start = rendered.spans[-1][0]
        alone = self.tokenizer(rendered.text[:start], add_special_tokens=False)["input_ids"]
        if not cuts and ids[: len(alone)] == list(alone):
            return ids, [int(_inside(a, b, rendered.spans)) for a, b in offsets], False
        return (*self._in_pieces(rendered), True)

    def _in_pieces(self, rendered: Rendered) -> tuple[list[int], list[int]]:
        """Every piece tokenised by itself, the later ones as continuations."""
        ids: list[int] = []
        supervised: list[int] = []
        edges = sorted({0, len(rendered.text), *(edge for span in rendered.spans for edge in span)})
        for start, end in pairwise(edges):
            piece = rendered.text[start:end]
            tokens = self._continuation(piece) if start else self._plain(piece)
            ids += tokens
            supervised += [int(_inside(start, end, rendered.spans))] * len(tokens)
        return ids, supervised

    def _plain(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _continuation(self, text: str) -> list[int]:
        """Tokens of a text that follows another: without the space that some tokenizers put first."""
        for sentinel in SENTINELS:
            before, both = self._plain(sentinel), self._plain(sentinel + text)
            if both[: len(before)] == before:
                return both[len(before) :]
        return self._plain(text)


def _inside(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a token of these characters lies in a span; one of no characters never does."""
    return any(a <= start and end <= b for a, b in spans) and end > start
