"""How much longer `tokenizer.json` can make a text: replacements that feed each other grow without bound.

A rare word may set them off, which no trial on ordinary texts finds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GROWTH_LIMIT = 4_096
"""Most characters that one may become; replacements of public tokenizers give one or a few."""

PARTS = ("normalizer", "pre_tokenizer", "decoder")


@dataclass(frozen=True)
class Replacement:
    """One step that replaces a pattern by a text.

    Attributes:
        pattern: the text that is replaced; empty for a regular expression, which may match anything.
        content: what it becomes.
    """

    pattern: str
    content: str

    def follows(self, earlier: "Replacement") -> bool:
        """Whether this step can replace something of what an earlier one wrote."""
        return self.pattern in 2 * earlier.content

    def growth(self) -> float:
        """Characters that one of the pattern becomes."""
        return max(1.0, len(self.content) / max(1, len(self.pattern)))


def growing_texts(tokenizer: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the parts of a tokenizer that make a character into more than `GROWTH_LIMIT`."""
    for part in PARTS:
        grown: list[tuple[Replacement, float]] = []
        for step in _replacements(tokenizer.get(part)):
            before = max((growth for earlier, growth in grown if step.follows(earlier)), default=1.0)
            grown.append((step, before * step.growth()))
        if (most := max((growth for _, growth in grown), default=1.0)) > GROWTH_LIMIT:
            yield (
                f"{part}: makes {most:.3g} characters of one by replacements that feed each other (allowed: "
                f"{GROWTH_LIMIT}); choose another tokenizer"
            )


def _replacements(value: Any) -> Iterator[Replacement]:
    """The steps of a part in their order, those of nested sequences too."""
    if isinstance(value, list):
        for item in value:
            yield from _replacements(item)
    elif isinstance(value, dict):
        content, pattern = value.get("content"), value.get("pattern")
        if value.get("type") == "Replace" and isinstance(content, str):
            given = pattern.get("String") if isinstance(pattern, dict) else pattern
            yield Replacement(given if isinstance(given, str) else "", content)
        for item in value.values():
            if isinstance(item, list | dict):
                yield from _replacements(item)
