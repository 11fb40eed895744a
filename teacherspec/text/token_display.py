"""Tokens as a person reads them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

MANY = 4
"""So many tokens of one id in a row, such as those of an image, show as one and their number."""


def marked_tokens(
    tokenizer: Any, ids: Sequence[int], supervised: Sequence[int]
) -> Iterator[tuple[str, bool]]:
    """Text of each token and whether it is learned; `|` between two, `«` and `»` around what is learned.

    A token that is only a piece of a character shows as its own name, such as `<0xE2>`; a line break inside a
    token shows as `⏎`; a special token many times over as `<image>×576`.
    """
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    shown: list[tuple[str, bool]] = []
    previous: int | None = None
    for (token, learned), run in groupby(zip(ids, map(bool, supervised), strict=True)):
        count = len(list(run))
        if token in special and count >= MANY:
            shown.append((f"{_text(tokenizer, previous, token)}×{count}", learned))
        else:
            following = [_text(tokenizer, token, token)] * (count - 1)
            shown += [(one, learned) for one in (_text(tokenizer, previous, token), *following)]
        previous = token
    for at, (text, learned) in enumerate(shown):
        begins = at == 0 or shown[at - 1][1] != learned
        ends = at == len(shown) - 1 or shown[at + 1][1] != learned
        opening = ("«" if learned else "") if begins else "|"
        yield opening + text + ("»" if ends and learned else ""), learned


def _text(tokenizer: Any, previous: int | None, token: int) -> str:
    """A token's text after the one before it: alone, some decoders take the space from its front."""
    text = tokenizer.decode([token], clean_up_tokenization_spaces=False)
    if previous is not None:
        alone = tokenizer.decode([previous], clean_up_tokenization_spaces=False)
        both = tokenizer.decode([previous, token], clean_up_tokenization_spaces=False)
        text = both[len(alone) :] if both.startswith(alone) else text
    broken = "\ufffd" in text or not text
    named = str(tokenizer.convert_ids_to_tokens(token)) if broken else str(text)
    return named.replace("\n", "⏎")
