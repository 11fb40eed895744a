"""Tokens as a person reads them."""

from collections.abc import Iterator, Sequence
from typing import Any


def marked_tokens(
    tokenizer: Any, ids: Sequence[int], supervised: Sequence[int]
) -> Iterator[tuple[str, bool]]:
    """Text of each token, `|` between two of a kind, and whether it is learned.

    A token that is only a piece of a character shows as its own name, such as `<0xE2>`; a line break inside a
    token shows as `⏎`.
    """
    for at, (token, learned) in enumerate(zip(ids, supervised, strict=True)):
        text = tokenizer.decode([token], clean_up_tokenization_spaces=False)
        if "\ufffd" in text or not text:
            text = tokenizer.convert_ids_to_tokens(token)
        shown = text.replace("\n", "⏎")
        same = at > 0 and bool(supervised[at - 1]) == bool(learned)
        yield (f"|{shown}" if same and not learned else shown), bool(learned)
