"""Sizes that fit the rows: splits, epochs, tokens, and the language of the texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from teacherspec.init.guess import Guess

CHARACTERS_PER_TOKEN = 3.0
"""Of an English text less than 4 to 5, so that hardly a text is cut; other languages need more tokens."""

TOKENS = (32, 64, 128, 256, 512, 1024, 2048)
MOST_TEXT_TOKENS = 512
"""Positions of most encoders."""

TEMPLATE_TOKENS = 40
"""Of a chat template around a conversation."""

LANGUAGE_TEXTS = 300
LANGUAGE_CHARACTERS = 20_000

FEW, MANY = 1_000, 20_000
FRACTIONS: Mapping[str, tuple[float, float, float, float]] = {
    "few": (0.5, 0.1, 0.2, 0.2),
    "some": (0.6, 0.08, 0.12, 0.2),
    "many": (0.8, 0.04, 0.06, 0.1),
}
"""Size of the data → fractions of train, validation, calibration and test."""

CHANCE_OF_NONE = 0.05
"""Of some class having no row in test, from which the declaration must allow it: rows are divided by hash."""


class Epochs(NamedTuple):
    """Passes over few, some and many train rows."""

    few: int
    some: int
    many: int


def _size(rows: int) -> str:
    return "few" if rows < FEW else "some" if rows < MANY else "many"


def text_length(texts: Sequence[str], most: int = MOST_TEXT_TOKENS, around: int = 2) -> Guess:
    """The longest input in tokens, from the lengths of the texts in characters.

    Args:
        texts: of the rows.
        most: tokens that the base can read.
        around: tokens that are added to each text.
    """
    characters = percentile([len(text) for text in texts])
    tokens = characters / CHARACTERS_PER_TOKEN + around
    chosen = next((size for size in TOKENS if size >= tokens), most)
    reason = f"99 % of texts have at most {characters:,.0f} characters"
    return Guess("task.max_length", min(chosen, most), reason)


def percentile(lengths: Sequence[int]) -> float:
    """The 99th percentile; 0 of nothing."""
    return float(np.quantile(lengths, 0.99)) if lengths else 0.0


def fractions(rows: int, ready: frozenset[str]) -> Guess:
    """The fractions of rows that are divided by hash.

    Args:
        rows: of all sources.
        ready: splits that a file supplies.
    """
    _, validation, calibration, test = FRACTIONS[_size(rows)]
    if "validation" in ready:
        validation = 0.0
    if "test" in ready:
        test = 0.0
    train = round(1 - validation - calibration - test, 10)
    text = f"{{train: {train:g}, validation: {validation:g}, calibration: {calibration:g}, test: {test:g}}}"
    also = "".join(f", {split} is a file" for split in sorted(ready))
    return Guess("prepare.fractions", text, f"{rows:,} rows{also}")


def min_rows(labels: Sequence[Any]) -> Guess | None:
    """Fewest rows of a class in a split, where one is so rare that chance may leave it none."""
    counts = Counter(str(label) for label in labels if label is not None)
    rarest, rows = counts.most_common()[-1]
    test = FRACTIONS[_size(len(labels))][-1]
    if len(counts) * (1 - test) ** rows <= CHANCE_OF_NONE:
        return None
    reason = f"class {rarest!r} has {rows} rows only"
    return Guess("prepare.min_rows_per_class", "{train: 1, test: 0}", reason)


def classes(labels: Sequence[Any]) -> int:
    """Number of different labels."""
    return len({str(label) for label in labels if label is not None})


def epochs(passes: Epochs, rows: int) -> Guess:
    """Passes over the train rows; early stopping ends them where validation no longer improves."""
    return Guess("finetune.epochs", getattr(passes, _size(rows)), f"{rows:,} rows")


def language(texts: Sequence[str]) -> Guess | None:
    """The language of most texts (py3langid; Lui & Baldwin 2012); None without any letters."""
    from py3langid import classify

    text = "\n".join(texts[:LANGUAGE_TEXTS])[:LANGUAGE_CHARACTERS]
    if not any(character.isalpha() for character in text):
        return None
    reason = f"by the first {min(len(texts), LANGUAGE_TEXTS)} texts"
    return Guess("package.language", str(classify(text)[0]), reason)
