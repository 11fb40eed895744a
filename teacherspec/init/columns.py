"""Which column is which: by its name where that is a usual one, else by its values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from teacherspec.errors import UserError
from teacherspec.init.guess import Guess
from teacherspec.init.sample import Sample

LABEL_NAMES = (
    *("label", "labels", "class", "category", "intent", "target", "y", "topic", "tag", "sentiment"),
    *("label_name", "class_name", "kategorie", "klasse", "catégorie", "categorie", "categoría", "etiqueta"),
)
TEXT_NAMES = (
    *("text", "sentence", "message", "utterance", "content", "body", "question", "query", "review"),
    *("comment", "description", "title", "anfrage", "nachricht", "texte", "texto", "mensaje"),
)

MOST_CLASSES = 1_000
ROWS_PER_CLASS = 3
"""Mean rows of each value, at least, for a column to be taken for labels."""

Found = tuple[str, str]
"""A column of the data, and why it was chosen."""


def given_column(given: Mapping[str, str], column: str, sample: Sample) -> Found | None:
    """The column that the user named for a column of the task; None where they named none.

    Raises:
        UserError: the data has no such column.
    """
    name = given.get(column)
    if name is not None and name not in sample.columns:
        raise UserError(f"--column {column}={name}: no such column; there are {shown(sample)}")
    return None if name is None else (name, "as given")


def named_column(names: Sequence[str], known: Sequence[str]) -> Found | None:
    """The first of the known names that a column has, whatever its case."""
    folded = {name.strip().casefold(): name for name in names}
    return next(((folded[one], "by its name") for one in known if one in folded), None)


def label_column(sample: Sample) -> Found:
    """The column whose values repeat as labels do. Raises `UserError` where none does."""
    counts = {name: _repeated(values) for name, values in sample.columns.items()}
    possible = {name: found for name, found in counts.items() if found}
    if not possible:
        raise UserError(
            f"no column repeats its values as labels do (columns: {shown(sample)}); name it: --column label=…"
        )
    named = named_column(list(possible), LABEL_NAMES)
    name = named[0] if named else min(possible, key=lambda one: len(possible[one]))
    return name, f"{len(possible[name])} values that repeat, {'and by its name' if named else 'the fewest'}"


def _repeated(values: Sequence[Any]) -> Counter[str]:
    """Value → rows, for a column that may hold labels; empty for others."""
    texts = Counter(str(value) for value in values if isinstance(value, str | int) and str(value).strip())
    enough = len(texts) * ROWS_PER_CLASS <= texts.total()
    return texts if 2 <= len(texts) <= MOST_CLASSES and enough else Counter()


def text_column(sample: Sample, label: str) -> Found:
    """The column with the longest texts. Raises `UserError` where none but the label holds texts."""
    lengths = {
        name: sum(len(value) for value in values if isinstance(value, str)) / max(len(values), 1)
        for name, values in sample.columns.items()
        if name != label and any(isinstance(value, str) for value in values)
    }
    if not lengths:
        raise UserError(
            f"no column but {label} holds texts (columns: {shown(sample)}); name it: --column text=…"
        )
    if named := named_column(list(lengths), TEXT_NAMES):
        return named
    longest = max(lengths, key=lambda name: lengths[name])
    return longest, f"the longest texts, {lengths[longest]:.0f} characters on average"


def shown(sample: Sample) -> str:
    """The columns of the data, for a message."""
    return ", ".join(sample.columns)


def guesses(columns: Mapping[str, Found]) -> list[Guess]:
    """One guess for each column of the task."""
    return [Guess(f"prepare.sources[].columns.{own}", name, why) for own, (name, why) in columns.items()]
