"""Which column is the text, the label, the prompt: by name where the name says it, else by the values."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teacherspec.errors import UserError
from teacherspec.init.guess import Guess
from teacherspec.init.sample import Sample

LABEL_NAMES = (
    *("label", "labels", "class", "category", "intent", "target", "y", "topic", "tag", "sentiment"),
    *("label_name", "class_name", "kategorie", "klasse", "catégorie", "categorie", "categoría", "etiqueta"),
)
TEXT_NAMES = (
    *(
        "text",
        "sentence",
        "message",
        "utterance",
        "content",
        "body",
        "question",
        "query",
        "review",
        "comment",
    ),
    *("description", "title", "anfrage", "nachricht", "texte", "texto", "mensaje"),
)
IMAGE_NAMES = ("image", "img", "photo", "picture")
FORMATS: Mapping[str, Sequence[Sequence[str]]] = {
    "messages": (("messages", "conversations", "conversation", "chat", "dialog"),),
    "alpaca": (("instruction",), ("output", "response", "answer")),
    "prompt_completion": (
        ("prompt", "question", "input", "source", "mr"),
        ("completion", "response", "answer", "output", "target", "ref"),
    ),
}
"""Format of rows of language models → for each of its columns, names that people give it."""

FORMAT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "alpaca": ("instruction", "output"),
    "prompt_completion": ("prompt", "completion"),
}

COLUMNS = "prepare.sources[].columns"
MOST_CLASSES = 1_000
ROWS_PER_CLASS = 3
"""Mean rows of each value, at least, for a column to be taken for labels."""


@dataclass(frozen=True)
class Roles:
    """The columns of a task, found in the data.

    Attributes:
        kind: of task.
        columns: column of the task → column of the file.
        guesses: what was chosen and why.
        rows_format: of language models; empty for others.
    """

    kind: str
    columns: Mapping[str, str]
    guesses: tuple[Guess, ...]
    rows_format: str = ""


def text_classification(sample: Sample, given: Mapping[str, str]) -> Roles:
    """Text and label. Raises `UserError` where a column cannot be told."""
    label, why_label = given_or(given, "label", sample) or _label(sample)
    text, why_text = given_or(given, "text", sample) or _text(sample, label)
    return Roles(
        "text_classification",
        {"text": text, "label": label},
        (Guess(f"{COLUMNS}.text", text, why_text), Guess(f"{COLUMNS}.label", label, why_label)),
    )


def image_classification(sample: Sample, given: Mapping[str, str]) -> Roles:
    """Image and label. Raises `UserError` where a column cannot be told."""
    image = given_or(given, "image", sample) or _named(sample, IMAGE_NAMES)
    if image is None:
        raise UserError(
            f"no column holds images (columns: {', '.join(sample.columns)}); name it: --column image=…"
        )
    label, why = given_or(given, "label", sample) or _label(sample)
    columns = {"image": image[0], "label": label}
    return Roles("image_classification", columns, (Guess(f"{COLUMNS}.label", label, why),))


def causal_lm(sample: Sample, given: Mapping[str, str]) -> Roles:
    """Messages, or a prompt and its answer. Raises `UserError` where they cannot be told."""
    for rows_format, wanted in FORMAT_COLUMNS.items():
        names = zip(wanted, FORMATS[rows_format], strict=True)
        found = [given_or(given, column, sample) or _named(sample, known) for column, known in names]
        if all(found):
            columns = {column: name for column, (name, _) in zip(wanted, filter(None, found), strict=True)}
            guesses = [
                Guess(f"{COLUMNS}.{column}", name, why)
                for column, (name, why) in zip(wanted, filter(None, found), strict=True)
            ]
            return Roles("causal_lm", columns, tuple(guesses), rows_format)
    shown = ", ".join(sample.columns)
    raise UserError(
        f"no columns hold conversations (columns: {shown}); name them: --column messages=…, or "
        "--column prompt=… --column completion=…"
    )


ROLES: Mapping[str, Callable[[Sample, Mapping[str, str]], Roles]] = {
    "text_classification": text_classification,
    "image_classification": image_classification,
    "causal_lm": causal_lm,
}
"""Kind of task that a new repository can start with → how its columns are found."""


def likely_kind(sample: Sample) -> tuple[str, str]:
    """The kind of task that these columns are for, and why."""
    if name := _named(sample, FORMATS["messages"][0]):
        return "causal_lm", f"column {name[0]} holds conversations"
    if _named(sample, FORMATS["alpaca"][0]) and _named(sample, FORMATS["alpaca"][1]):
        return "causal_lm", "the columns are those of instructions"
    if (prompt := _named(sample, ("prompt",))) and _named(sample, FORMATS["prompt_completion"][1]):
        return "causal_lm", f"column {prompt[0]} and the answer to it"
    if name := _named(sample, IMAGE_NAMES):
        return "image_classification", f"column {name[0]} holds images"
    return "text_classification", "the columns hold texts and values that repeat"


def given_or(given: Mapping[str, str], column: str, sample: Sample) -> tuple[str, str] | None:
    """The column that the user named, None where they named none.

    Raises:
        UserError: the data has no such column.
    """
    name = given.get(column)
    if name is not None and name not in sample.columns:
        raise UserError(f"--column {column}={name}: no such column; there are {', '.join(sample.columns)}")
    return None if name is None else (name, "as given")


def _named(sample: Sample, known: Sequence[str]) -> tuple[str, str] | None:
    names = {name.strip().casefold(): name for name in sample.columns}
    return next(((names[one], "by its name") for one in known if one in names), None)


def _label(sample: Sample) -> tuple[str, str]:
    counts = {name: _repeated(values) for name, values in sample.columns.items()}
    possible = {name: found for name, found in counts.items() if found}
    if not possible:
        raise UserError(
            f"no column repeats its values as labels do (columns: {', '.join(sample.columns)}); name it: "
            "--column label=…"
        )
    named = _named(Sample(dict.fromkeys(possible, ()), 0, True, ()), LABEL_NAMES)
    name = named[0] if named else min(possible, key=lambda one: len(possible[one]))
    return name, f"{len(possible[name])} values that repeat, {'and by its name' if named else 'the fewest'}"


def _repeated(values: Sequence[Any]) -> Counter[str]:
    """Value → rows, for a column that may hold labels; empty for others."""
    texts = Counter(str(value) for value in values if isinstance(value, str | int) and str(value).strip())
    enough = len(texts) * ROWS_PER_CLASS <= texts.total()
    return texts if 2 <= len(texts) <= MOST_CLASSES and enough else Counter()


def _text(sample: Sample, label: str) -> tuple[str, str]:
    lengths = {
        name: sum(len(value) for value in values if isinstance(value, str)) / max(len(values), 1)
        for name, values in sample.columns.items()
        if name != label and any(isinstance(value, str) for value in values)
    }
    if not lengths:
        raise UserError(
            f"no column but {label} holds texts (columns: {', '.join(sample.columns)}); name it: "
            "--column text=…"
        )
    if named := _named(Sample(dict.fromkeys(lengths, ()), 0, True, ()), TEXT_NAMES):
        return named
    longest = max(lengths, key=lambda name: lengths[name])
    return longest, f"the longest texts, {lengths[longest]:.0f} characters on average"
