"""A conversation that is too long, cut inside the texts of the user."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

from teacherspec.text.conversation import Conversation

LONGEST_WORD = 64
"""What has more characters without a space, such as encoded data, is cut within."""

UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
"""Letters of Thai, Lao, Burmese, Khmer, Chinese and Japanese, which write words without spaces."""

JOINERS = frozenset("\u200d\ufe0e\ufe0f")
"""Zero-width joiner and variation selectors: they belong to the letter before."""


def without_front(
    conversation: Conversation, tokens: int, token_starts: Callable[[str], Sequence[int]]
) -> Conversation:
    """The conversation without about `tokens` tokens at the front of the user's texts, the oldest text first.

    A cut is made before a word, and the last word of each text stays; system prompt, answers and images are
    never cut. Where nothing can be cut, the conversation is returned as it is.

    Args:
        conversation: to cut.
        tokens: at least how many, where there are so many.
        token_starts: the character at which each token of a text begins.
    """
    turns = list(conversation.prompt)
    for number, turn in enumerate(turns):
        if tokens <= 0:
            break
        if turn.role != "user" or not turn.content:
            continue
        starts = token_starts(turn.content)
        wanted = starts[tokens] if tokens < len(starts) else len(turn.content)
        place = min(_word_start(turn.content, wanted), _last_word(turn.content))
        turns[number] = turn.from_character(place)
        tokens -= sum(start < place for start in starts)
    return replace(conversation, prompt=tuple(turns))


def _word_start(text: str, place: int) -> int:
    """The first character from `place` on that begins a word; a letter where none is near."""
    near = range(place, min(len(text), place + LONGEST_WORD))
    return next((at for at in near if _begins_word(text, at)), _letter_start(text, place))


def _last_word(text: str) -> int:
    """Where the last word begins, or the last characters of a text that is no word."""
    end = len(text.rstrip())
    near = range(end - 1, max(0, end - LONGEST_WORD), -1)
    return next(
        (at for at in near if _begins_word(text, at)), _letter_start(text, max(0, end - LONGEST_WORD))
    )


def _begins_word(text: str, at: int) -> bool:
    if at == 0 or text[at].isspace() or _continues(text, at):
        return at == 0
    return text[at - 1].isspace() or UNSPACED.match(text[at]) is not None


def _letter_start(text: str, place: int) -> int:
    while place < len(text) and _continues(text, place):
        place += 1
    return place


def _continues(text: str, place: int) -> bool:
    """Whether a character belongs to the letter before it."""
    return place > 0 and (
        unicodedata.category(text[place]).startswith("M")
        or text[place] in JOINERS
        or text[place - 1] == "\u200d"
    )
