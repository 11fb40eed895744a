"""The text of `params.yaml` for some data, with the reason of each guess in a comment."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from teacherspec.init import sizes
from teacherspec.init.columns import Found
from teacherspec.init.guess import Guess
from teacherspec.init.kinds.registry import StartingKind
from teacherspec.init.sample import Sample
from teacherspec.run_records.library_versions import template

MOST_NAMED = 6


@dataclass(frozen=True)
class Data:
    """What was found of the data.

    Attributes:
        sources: each with `path` relative to the new repository.
        folder: that contains all of them, relative to the repository.
        sample: the first rows.
        columns: column of the task → of the data, and why.
        guesses: about the files.
    """

    sources: Sequence[Mapping[str, Any]]
    folder: str
    sample: Sample
    columns: Mapping[str, Found]
    guesses: Sequence[Guess]

    @property
    def names(self) -> dict[str, str]:
        """Column of the task → of the data."""
        return {own: name for own, (name, _) in self.columns.items()}


def declaration(
    name: str, kind: Guess, start: StartingKind, data: Data, data_license: str, up: str
) -> tuple[str, list[Guess]]:
    """The text of `params.yaml`, and the guesses about sizes in it.

    Args:
        name: of the teacher.
        kind: of task.
        start: what is known of this kind.
        data: what was found.
        data_license: of the rows.
        up: from the folder of the declaration to the root of the repository, such as `../../`.
    """
    ready = frozenset(source["split"] for source in data.sources if "split" in source)
    split, passes = sizes.fractions(data.sample.rows, ready), sizes.epochs(start.EPOCHS, data.sample.rows)
    found = [split, passes, *start.fitting(data.sample, data.names)]
    values: dict[str, Any] = {
        "kind_reason": kind.reason,
        "up": up,
        "data": data.folder,
        "sources": [_source(source, data) for source in data.sources],
        "unused": _unused(data),
        "name": name,
        "description": start.description(data.sample, data.names),
        "data_license": data_license,
    }
    for guess in found:
        key = guess.key.rpartition(".")[2]
        values |= {key: guess.value, f"{key}_reason": guess.reason}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template() / "params"),
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # YAML, whose strings are quoted as JSON
    )
    environment.filters["quoted"] = quoted
    return environment.get_template(f"{kind.value}.yaml.j2").render(values), found


def quoted(value: object) -> str:
    """A value as YAML: a plain word or path as it is, all else as JSON, which is YAML too."""
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
    columns = [
        {"name": own, "value": given, "reason": why}
        for own, (given, why) in data.columns.items()
        if own != given
    ]
    return {"kind": source["kind"], "path": source["path"], "options": options, "columns": columns}


def _unused(data: Data) -> str:
    """The columns that the task does not read, in words; empty where it reads all."""
    used = {*data.names.values(), "id", "file"}
    others = [name for name in data.sample.columns if name not in used]
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    shown = ", ".join(json.dumps(name, ensure_ascii=False) for name in others[:MOST_NAMED])
    return f"not used: {shown}{more}" if others else ""
