"""Conversations as token ids, with the supervised tokens marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.chat_rendering import Rendered, Renderer
from teacherspec.text.conversation import Conversation
from teacherspec.text.image_placeholders import ImageText
from teacherspec.text.shortening import without_front
from teacherspec.text.thoughts import without_marks

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OverLong = Literal["refuse", "truncate_prompt"]

SENTINELS = ("\n", ".", ":", "a", "0")
"""Texts put before a piece so that it is tokenised as a continuation; the first that does not merge with it
is used."""


class Encoded(NamedTuple):
    """One conversation as the model reads it.

    Attributes:
        input_ids: `[L]`.
        supervised: `[L]`, 1 for each supervised token, stop tokens included.
        answer_start: where the last answer begins; generation starts from the ids before it.
        cut: tokens removed from the prompt to make it fit.
        split: whether the text was tokenised in pieces, because a token would have crossed a boundary.
        unlearned: earlier answers that are not supervised, see `Rendered`.
    """

    input_ids: list[int]
    supervised: list[int]
    answer_start: int
    cut: int
    split: bool
    unlearned: int


class Tokens(NamedTuple):
    """A text as tokens, each `[L]`.

    Attributes:
        ids: the tokens.
        supervised: 1 for each supervised one.
        images: how many are of images.
        split: whether the text was tokenised in pieces.
    """

    ids: list[int]
    supervised: list[int]
    images: int
    split: bool


@dataclass(frozen=True)
class Encoder:
    """From conversations to token ids.

    Attributes:
        tokenizer: of the base, a fast one.
        renderer: how conversations become text.
        max_length: longest sequence, tokens.
        over_long: what happens to a longer one.
        images: how images become text; None where there are none.
    """

    tokenizer: "PreTrainedTokenizerBase"
    renderer: Renderer
    max_length: int
    over_long: OverLong = "refuse"
    images: ImageText | None = None

    @cached_property
    def stop_id(self) -> int:
        """Id of the token that ends an answer.

        Raises:
            BaseModelError: the stop text is not one token.
        """
        ids = self.tokenizer(self.renderer.stop, add_special_tokens=False)["input_ids"]
        if len(ids) != 1 or self.renderer.stop not in special_texts(self.tokenizer):
            raise BaseModelError(
                f"task.rendering: {self.renderer.stop!r} is no special token of this base; allowed: "
                f"{', '.join(special_texts(self.tokenizer)) or 'it has none'}"
            )
        return int(ids[0])

    @cached_property
    def prefix(self) -> list[int]:
        """Ids that the tokenizer prepends to every text, such as BOS; none where the renderer writes them."""
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
        tokens = whole = self._tokenised(conversation, rendered)
        if len(whole.ids) > self.max_length:
            if self.over_long == "refuse":
                raise DataError(_too_long(whole, self.max_length))
            tokens = self._fitted(
                conversation, self.max_length, lambda cut: self._tokenised(cut, self.renderer.render(cut))
            )
        last_stop = len(tokens.ids) - 1 - tokens.supervised[::-1].index(1)
        gaps = [at for at in range(last_stop) if not tokens.supervised[at]]
        return Encoded(
            tokens.ids,
            tokens.supervised,
            answer_start=gaps[-1] + 1 if gaps else 0,
            cut=len(whole.ids) - len(tokens.ids),
            split=tokens.split,
            unlearned=rendered.unlearned,
        )

    def encode_prompt(self, conversation: Conversation, most: int | None = None) -> list[int]:
        """The input of generation, as a server encodes the prompt alone.

        Args:
            conversation: its answers are ignored.
            most: longest prompt; the texts of the user in a longer one are cut at their front. None cuts
                nothing.

        Raises:
            DataError: as `encode`.
        """
        self._refuse_special(conversation)
        tokens = self._prompt_tokens(conversation)
        if most is not None and len(tokens.ids) > most:
            tokens = self._fitted(conversation, most, self._prompt_tokens)
        return tokens.ids

    def _prompt_tokens(self, conversation: Conversation) -> Tokens:
        rendered = self._expanded(Rendered(self.renderer.prompt(conversation), ()), conversation)
        tokens, _ = self._whole(rendered)
        return tokens._replace(ids=self.prefix + tokens.ids)

    def _fitted(
        self, conversation: Conversation, most: int, tokenised: Callable[[Conversation], Tokens]
    ) -> Tokens:
        """The tokens of the conversation, at most `most`, the texts of the user cut as far as needed."""
        tokens = tokenised(conversation)
        while (excess := len(tokens.ids) - most) > 0:
            shorter = without_front(conversation, excess, self._token_starts)
            if shorter == conversation:
                seen = f", {tokens.images} of them of images" if tokens.images else ""
                raise DataError(
                    f"has {len(tokens.ids)} tokens{seen}, with the texts of the user cut to their last words "
                    f"(task.max_length is {self.max_length}), which leaves no room for all else; raise it, "
                    "or take the row out"
                )
            conversation, tokens = shorter, tokenised(shorter)
        return tokens

    def _token_starts(self, text: str) -> list[int]:
        both = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return [start for start, end in both["offset_mapping"] if end > start]

    def _expanded(self, rendered: Rendered, conversation: Conversation) -> Rendered:
        return rendered if self.images is None else self.images.expand(rendered, conversation.images)

    def _tokenised(self, conversation: Conversation, rendered: Rendered) -> Tokens:
        tokens = self._tokenise(self._expanded(rendered, conversation))
        return tokens._replace(
            ids=self.prefix + tokens.ids, supervised=[0] * len(self.prefix) + tokens.supervised
        )

    def _refuse_special(self, conversation: Conversation) -> None:
        for text in (*(turn.content for turn in conversation.prompt), *conversation.answers):
            bare = without_marks(text)
            for token in special_texts(self.tokenizer):
                if token in bare:
                    raise DataError(
                        f"holds {token}, which the tokenizer reads as one special token; take it out"
                    )

    def _tokenise(self, rendered: Rendered) -> Tokens:
        """One tokenisation of the whole text; in pieces only where a token crosses a boundary."""
        tokens, offsets = self._whole(rendered)
        cuts = [start for start, _ in rendered.spans if any(a < start < b for a, b in offsets)]
        # A prompt tokenised by itself may end differently even where no token crosses the boundary.
        start = rendered.spans[-1][0]
        alone = self._plain(rendered.text[:start])
        if not cuts and tokens.ids[: len(alone)] == alone:
            return tokens
        return self._in_pieces(rendered)

    def _whole(self, rendered: Rendered) -> tuple[Tokens, list[tuple[int, int]]]:
        both = self.tokenizer(rendered.text, add_special_tokens=False, return_offsets_mapping=True)
        offsets: list[tuple[int, int]] = both["offset_mapping"]
        supervised, images = (
            [int(_inside(a, b, spans)) for a, b in offsets] for spans in (rendered.spans, rendered.images)
        )
        return Tokens(list(both["input_ids"]), supervised, sum(images), split=False), offsets

    def _in_pieces(self, rendered: Rendered) -> Tokens:
        """Each piece tokenised by itself, all but the first as continuations."""
        ids: list[int] = []
        supervised: list[int] = []
        images = 0
        inner = {edge for span in (*rendered.spans, *rendered.images) for edge in span}
        for start, end in pairwise(sorted({0, len(rendered.text), *inner})):
            piece = rendered.text[start:end]
            of_piece = self._continuation(piece) if start else self._plain(piece)
            ids.extend(of_piece)
            supervised.extend([int(_inside(start, end, rendered.spans))] * len(of_piece))
            images += len(of_piece) * _inside(start, end, rendered.images)
        return Tokens(ids, supervised, images, split=True)

    def _plain(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _continuation(self, text: str) -> list[int]:
        """Tokens of a text that follows another: without the space that some tokenizers prepend."""
        for sentinel in SENTINELS:
            before, both = self._plain(sentinel), self._plain(sentinel + text)
            if both[: len(before)] == before:
                return both[len(before) :]
        return self._plain(text)


def _too_long(tokens: Tokens, most: int) -> str:
    seen = f", {tokens.images} of them of images" if tokens.images else ""
    return (
        f"has {len(tokens.ids)} tokens{seen} (task.max_length is {most}); raise it, or declare "
        "task.over_long: truncate_prompt"
    )


def _inside(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a token of these characters lies in a span; a token without characters never does."""
    return any(a <= start and end <= b for a, b in spans) and end > start


def special_texts(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """Texts that the tokenizer reads as one special token each, the longest first."""
    added = tokenizer.added_tokens_decoder.values()
    texts = {token.content for token in added if token.special} | set(tokenizer.all_special_tokens)
    return sorted(texts, key=lambda text: (-len(text), text))
