"""Tokens in readable form."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

MIN_REPEATS = 4
"""From this many equal special tokens on, such as those of an image, one is shown with the count."""


def marked_tokens(
    tokenizer: Any, ids: Sequence[int], supervised: Sequence[int]
) -> Iterator[tuple[str, bool]]:
    """Text of each token and whether it is supervised; `|` between two, `«` and `»` around supervised ones.

    A token that is only a piece of a character shows as its own name, such as `<0xE2>`; a line break inside a
    token shows as `⏎`; a special token many times over as `<image>×576`.
    """
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    shown: list[tuple[str, bool]] = []
    previous: int | None = None
    for (token, flag), run in groupby(zip(ids, map(bool, supervised), strict=True)):
        count = len(list(run))
        if token in special and count >= MIN_REPEATS:
            shown.append((f"{_text(tokenizer, previous, token)}×{count}", flag))
        else:
            following = [_text(tokenizer, token, token)] * (count - 1)
            shown += [(one, flag) for one in (_text(tokenizer, previous, token), *following)]
        previous = token
    for at, (text, flag) in enumerate(shown):
        begins = at == 0 or shown[at - 1][1] != flag
        ends = at == len(shown) - 1 or shown[at + 1][1] != flag
        opening = ("«" if flag else "") if begins else "|"
        yield opening + text + ("»" if ends and flag else ""), flag


def _text(tokenizer: Any, previous: int | None, token: int) -> str:
    """A token's text after the previous one: by itself, some decoders drop its leading space."""
    text = tokenizer.decode([token], clean_up_tokenization_spaces=False)
    if previous is not None:
        alone = tokenizer.decode([previous], clean_up_tokenization_spaces=False)
        both = tokenizer.decode([previous, token], clean_up_tokenization_spaces=False)
        text = both[len(alone) :] if both.startswith(alone) else text
    broken = "\ufffd" in text or not text
    named = str(tokenizer.convert_ids_to_tokens(token)) if broken else str(text)
    return named.replace("\n", "⏎")
