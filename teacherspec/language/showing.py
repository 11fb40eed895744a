"""Tokens as a person reads them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

MANY = 4
"""So many tokens of one id in a row, such as those of an image, show as one and their number."""


def marked_tokens(
    tokenizer: Any, ids: Sequence[int], supervised: Sequence[int]
) -> Iterator[tuple[str, bool]]:
    """Text of each token, `|` between two of a kind, and whether it is learned.

    A token that is only a piece of a character shows as its own name, such as `<0xE2>`; a line break inside a
    token shows as `⏎`; a special token many times over as `<image>×576`.
    """
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    before: bool | None = None
    for (token, learned), run in groupby(zip(ids, map(bool, supervised), strict=True)):
        count = len(list(run))
        text = tokenizer.decode([token], clean_up_tokenization_spaces=False)
        if "\ufffd" in text or not text:
            text = tokenizer.convert_ids_to_tokens(token)
        shown = text.replace("\n", "⏎")
        many = [f"{shown}×{count}"] if token in special and count >= MANY else [shown] * count
        for one in many:
            yield (f"|{one}" if learned is before and not learned else one), learned
            before = learned
