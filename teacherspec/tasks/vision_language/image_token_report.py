"""How many tokens the images of conversations take with a base's processor."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset


def image_token_report(
    splits: "Mapping[str, Dataset]", column: str, expansion: Callable[[bytes], str], tokenizer: Any
) -> dict[str, Any]:
    """Images and their tokens, by split; JSON-able. Only headers of the images are read.

    Args:
        splits: split name → its rows.
        column: of the images.
        expansion: from an encoded image to the text that it expands to.
        tokenizer: of the base.
    """
    lengths: dict[str, int] = {}

    def tokens(content: bytes) -> int:
        text = expansion(content)
        if text not in lengths:
            lengths[text] = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        return lengths[text]

    report = {}
    for name, rows in splits.items():
        counts = [[tokens(image) for image in row[column]] for row in rows.select_columns([column])]
        each = np.concatenate(counts)
        report[name] = {
            "images": len(each),
            "most_a_row": max(map(len, counts)),
            "tokens_an_image": {
                "smallest": int(each.min()),
                "median": int(np.median(each)),
                "largest": int(each.max()),
            },
        }
    return report


def describe_image_tokens(fit: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown on `image_tokens` of `fit.json`."""
    yield "| split | images | most a row | tokens an image: smallest | median | largest |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, data in fit["image_tokens"].items():
        tokens = " | ".join(map(str, data["tokens_an_image"].values()))
        yield f"| {name} | {data['images']} | {data['most_a_row']} | {tokens} |"
    yield "\nTokens of images are never cut; a row without room for them is refused.\n"
