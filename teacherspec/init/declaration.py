"""The text of `params.yaml` for some data, with the reason of each guess beside it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from teacherspec.init import sizes
from teacherspec.init.guess import Guess
from teacherspec.init.roles import Roles
from teacherspec.init.sample import Sample
from teacherspec.run_records.library_versions import template

MOST_NAMED = 6
NEW_TOKENS = (64, 128, 256, 512)


@dataclass(frozen=True)
class Data:
    """What was found of the data.

    Attributes:
        sources: each with `path` relative to the new repository.
        folder: that contains all of them, relative to the repository.
        sample: the first rows.
        roles: which column is what.
        kind_reason: why this kind of task.
        guesses: about the files.
    """

    sources: Sequence[Mapping[str, Any]]
    folder: str
    sample: Sample
    roles: Roles
    kind_reason: str
    guesses: Sequence[Guess]


def declaration(name: str, data: Data, data_license: str) -> tuple[str, list[Guess]]:
    """The text of `params.yaml`, and the guesses in it.

    Args:
        name: of the teacher.
        data: what was found.
        data_license: of the rows.
    """
    ready = frozenset(source["split"] for source in data.sources if "split" in source)
    split = sizes.fractions(data.sample.rows, ready)
    sized = [split, sizes.epochs(data.roles.kind, data.sample.rows), *SIZES[data.roles.kind](data)]
    found = {guess.key.rpartition(".")[2]: guess for guess in sized}
    values: dict[str, Any] = {}
    for key, guess in found.items():
        values |= {key: guess.value, f"{key}_reason": guess.reason}
    values |= {
        "looked_at": data.folder,
        "kind_reason": data.kind_reason,
        "data": data.folder,
        "sources": [_source(source, data) for source in data.sources],
        "unused": _unused(data),
        "rows_format": data.roles.rows_format,
        "name": name,
        "description": DESCRIPTIONS[data.roles.kind](data),
        "data_license": data_license,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template() / "params"),
        undefined=jinja2.ChainableUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # YAML, whose strings are quoted as JSON
    )
    environment.filters["quoted"] = quoted
    text = environment.get_template(f"{data.roles.kind}.yaml.j2").render(values)
    return text, [*data.guesses, *data.roles.guesses, *sized]


def quoted(value: object) -> str:
    """A value as YAML: JSON, which is YAML too, or a plain path."""
    text = str(value)
    is_plain = isinstance(value, str) and text.replace("/", "").replace("_", "").replace(".", "").isalpha()
    return text if is_plain else json.dumps(value, ensure_ascii=False)


def _source(source: Mapping[str, Any], data: Data) -> dict[str, Any]:
    reasons = {guess.key.rpartition(".")[2]: guess.reason for guess in data.guesses}
    options = [
        {"name": name, "value": value, "reason": reasons.get(name, "")}
        for name, value in source.items()
        if name not in ("kind", "path")
    ]
    because = {guess.key.rpartition(".")[2]: guess.reason for guess in data.roles.guesses}
    columns = [
        {"name": own, "value": given, "reason": because.get(own, "")}
        for own, given in data.roles.columns.items()
        if own != given
    ]
    return {"kind": source["kind"], "path": source["path"], "options": options, "columns": columns}


def _unused(data: Data) -> str:
    """The columns that the task does not read, in words; empty where it reads all."""
    used = {*data.roles.columns.values(), "id", "file"}
    others = [name for name in data.sample.columns if name not in used]
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return (
        f"not used: {', '.join(json.dumps(name, ensure_ascii=False) for name in others[:MOST_NAMED])}{more}"
        if others
        else ""
    )


def _texts(data: Data, column: str) -> list[str]:
    values = data.sample.columns[data.roles.columns[column]]
    return [value for value in values if isinstance(value, str)]


def _labels(data: Data) -> Sequence[Any]:
    return data.sample.columns[data.roles.columns["label"]]


def _classes(data: Data) -> int:
    return len({str(label) for label in _labels(data) if label is not None})


def _of_classes(data: Data) -> list[Guess]:
    return [guess for guess in [sizes.min_rows(_labels(data), 0.2)] if guess]


def _of_texts(data: Data) -> list[Guess]:
    texts = _texts(data, "text")
    return [guess for guess in [sizes.text_length(texts), sizes.language(texts), *_of_classes(data)] if guess]


def _of_conversations(data: Data) -> list[Guess]:
    whole = list(
        zip(*(_strings(data.sample.columns[name]) for name in data.roles.columns.values()), strict=True)
    )
    rows = ["".join(parts) for parts in whole]
    answers = sizes.percentile([len(parts[-1]) for parts in whole])
    tokens = next(
        (size for size in NEW_TOKENS if size * sizes.CHARACTERS_PER_TOKEN >= answers), NEW_TOKENS[-1]
    )
    length = sizes.text_length(rows, sizes.TOKENS[-1], sizes.TEMPLATE_TOKENS)
    reason = f"99 % of answers have at most {answers:,.0f} characters"
    generated = Guess("evaluate.generation.max_new_tokens", tokens, reason)
    return [guess for guess in [length, generated, sizes.language(rows)] if guess]


def _strings(values: Sequence[Any]) -> list[str]:
    """Texts as they are; of a list of messages what is said, one after the other."""
    return [_said(value) for value in values]


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("content") or value.get("value") or "")
    return "\n".join(map(_said, value)) if isinstance(value, list | tuple) else str(value or "")


SIZES: Mapping[str, Callable[[Data], list[Guess]]] = {
    "text_classification": _of_texts,
    "image_classification": _of_classes,
    "causal_lm": _of_conversations,
}
"""Kind of task → what of its declaration follows from the rows, besides splits and epochs."""

DESCRIPTIONS: Mapping[str, Callable[[Data], str]] = {
    "text_classification": lambda data: f"Gives a text one of {_classes(data)} labels.",
    "image_classification": lambda data: f"Gives an image one of {_classes(data)} labels.",
    "causal_lm": lambda _: "Answers as the data do.",
}
