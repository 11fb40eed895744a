"""A declaration for conversations, or prompts and their answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from teacherspec.errors import UserError
from teacherspec.init import sizes
from teacherspec.init.columns import Found, given_column, named_column, shown
from teacherspec.init.guess import Guess
from teacherspec.init.sample import Sample

EPOCHS = sizes.Epochs(few=3, some=2, many=1)
EXTRAS: tuple[str, ...] = ("gguf",)
BASE_FILES: Mapping[str, str] = {}
NEW_TOKENS = (64, 128, 256, 512)

FORMATS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "messages": {"messages": ("messages", "conversations", "conversation", "chat", "dialog")},
    "alpaca": {"instruction": ("instruction",), "output": ("output", "response", "answer")},
    "prompt_completion": {
        "prompt": ("prompt", "question", "input", "source"),
        "completion": ("completion", "response", "answer", "output", "target"),
    },
}
"""Format of rows → its columns → names that people give them."""

TELLING = ("messages", "conversations", "conversation", "instruction", "prompt")
"""Names of columns that rows of no other kind have."""


def fits(sample: Sample) -> str:
    """Why these columns are for this kind of task; empty where they are not."""
    found = named_column(list(sample.columns), TELLING)
    return f"column {found[0]} holds what is answered" if found else ""


def columns(sample: Sample, given: Mapping[str, str]) -> dict[str, Found]:
    """Column of the task → of the data. Raises `UserError` where one cannot be found."""
    for wanted in FORMATS.values():
        found = {
            own: given_column(given, own, sample) or named_column(list(sample.columns), known)
            for own, known in wanted.items()
        }
        complete = {own: column for own, column in found.items() if column}
        if len(complete) == len(wanted):
            return complete
    raise UserError(
        f"no columns hold conversations (columns: {shown(sample)}); name them: --column messages=…, or "
        "--column prompt=… --column completion=…"
    )


def fitting(sample: Sample, names: Mapping[str, str]) -> list[Guess]:
    """What of the declaration follows from the rows, besides splits and epochs."""
    rows = next(name for name, wanted in FORMATS.items() if wanted.keys() == names.keys())
    parts = list(
        zip(*([spoken_text(value) for value in sample.columns[name]] for name in names.values()), strict=True)
    )
    texts = ["\n".join(row) for row in parts]
    answers = sizes.percentile([len(row[-1]) for row in parts])
    enough = (size for size in NEW_TOKENS if size * sizes.CHARACTERS_PER_TOKEN >= answers)
    found = [
        Guess("task.rows", rows, "by the columns"),
        sizes.text_length(texts, sizes.TOKENS[-1], sizes.TEMPLATE_TOKENS),
        Guess(
            "evaluate.generation.max_new_tokens",
            next(enough, NEW_TOKENS[-1]),
            f"99 % of answers have at most {answers:,.0f} characters",
        ),
        sizes.language(texts),
    ]
    return [guess for guess in found if guess]


def spoken_text(value: Any) -> str:
    """A text as it is; of a list of messages their contents, one after the other."""
    if isinstance(value, Mapping):
        return str(value.get("content") or value.get("value") or "")
    return "\n".join(map(spoken_text, value)) if isinstance(value, list | tuple) else str(value or "")


def description(_sample: Sample, _names: Mapping[str, str]) -> str:
    """What the teacher does, for the card."""
    return "Answers as the data do."
