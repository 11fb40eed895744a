"""Read `params.yaml` as DVC reads it, with the place of every value, refusing what YAML should not carry.

DVC parses params with ruamel.yaml, so YAML 1.2: `2e-5` is a number, `no` is text. The same scanner and
resolver are used here, but values are built from parse events, so that anchors, tags, nesting and size
are refused before anything is constructed from them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import DocumentStartEvent
from ruamel.yaml.reader import ReaderError

from teacherspec.check.parsing.diagnostics import Position, Problem, Where, refusal
from teacherspec.check.parsing.read_bytes import decode, position_of
from teacherspec.check.parsing.yaml_builder import Builder, HaltError, at
from teacherspec.check.parsing.yaml_scalars import SECRETS
from teacherspec.errors import DeclarationError
from teacherspec.runtime.merge_conflicts import line_of_conflict

ADVICE = {
    "mapping values are not allowed here": "a value that holds `: ` needs quotes; is the indentation right?",
    "could not find expected ':'": "is a `:` missing after a key?",
    "expected <block end>": "is the indentation the same as on the lines around it?",
    "found character '%' that cannot start any token": "a value that starts with % needs quotes",
    "found character '@' that cannot start any token": "a value that starts with @ needs quotes",
    "found character '`' that cannot start any token": "a value that starts with ` needs quotes",
    "found unexpected end of stream": "is a closing quote missing?",
    "expected ',' or ']'": "is a closing ] missing?",
    "expected ',' or '}'": "is a closing } missing?",
}


@dataclass(frozen=True)
class Document:
    """The values of a declaration and their places in the file."""

    file: Path
    values: dict[str, Any]
    """Plain dicts, lists, texts, numbers, booleans and None: all that JSON knows."""
    keys: dict[Where, Position]
    """Where each key stands (each item, in a list)."""
    places: dict[Where, Position]
    """Where each single value starts; lists, mappings and empty values are found by their keys."""
    problems: tuple[Problem, ...]
    """Values that were refused; in `values` they are None."""
    files: Mapping[Where, Path] = field(default_factory=dict)
    """Sections, and keys of sections, that another file than `file` declares → that file."""

    def file_of(self, where: Where) -> Path:
        """The file that declares the value `where`."""
        return self.files.get(where[:2]) or self.files.get(where[:1]) or self.file

    def refusal(self, problems: list[Problem]) -> DeclarationError:
        """The error for `problems` together with those of reading, which answer for their own values."""
        refused = {problem.where for problem in self.problems if problem.where}
        other = [problem for problem in problems if problem.where not in refused]
        return refusal(self.file, [*self.problems, *other], self.file_of)

    def key_position(self, where: Where) -> Position:
        """The position of the key `where`, or of its nearest parent that the file holds."""
        while where not in self.keys:
            where = where[:-1]
        return self.keys[where]

    def value_position(self, where: Where) -> Position:
        """The position of the value `where`, or of its key when it is no single value."""
        return self.places.get(where) or self.key_position(where)


def read_document(file: Path) -> Document:
    """Read and locate the values of `file`.

    Raises:
        DeclarationError: there is no such file, or it is not one mapping written in plain UTF-8 YAML.
    """
    text = decode(file)
    if line := line_of_conflict(text):
        what = "an unresolved conflict starts here: resolve it, then `git add` the file"
        raise refusal(file, [Problem(Position(line, 1), (), what)])
    _refuse_tabs(file, text)
    yaml = YAML(typ="safe", pure=True)
    builder = Builder(yaml, iter(yaml.parse(text)))
    values: Any = None
    try:
        values = _one_document(builder)
    except HaltError:
        pass
    except YAMLError as error:
        builder.problems.append(_syntax_problem(error, text))
    except (ValueError, OverflowError):
        # ruamel.yaml hands an escape like "\U00110000" to chr() unchecked.
        builder.note(at(yaml.reader.get_mark()), (), "this is not YAML (an escape of no character)")
    builder.problems += _secrets(text, builder)
    if not isinstance(values, dict):
        raise refusal(file, builder.problems)
    return Document(file, values, builder.keys, builder.places, tuple(builder.problems))


def _one_document(builder: Builder) -> Any:
    values: Any = None
    documents = 0
    for event in builder.events:
        if not isinstance(event, DocumentStartEvent):
            continue
        documents += 1
        if documents > 1:
            builder.note(at(event.start_mark), (), "a second document starts here: one file, one declaration")
            raise HaltError
        values = builder.document(event)
    if not isinstance(values, dict):
        given = "an empty file" if values is None else "a list" if isinstance(values, list) else "one value"
        position = builder.keys.get((), Position(1, 1))
        builder.note(position, (), f"expected a mapping of sections (given {given})")
    return values


def _refuse_tabs(file: Path, text: str) -> None:
    tabs = re.finditer(r"^ *\t", text, re.MULTILINE)
    problems = [
        Problem(position_of(text, tab.end() - 1), (), "a tab in the indentation: use spaces") for tab in tabs
    ]
    if problems:
        raise refusal(file, problems)


def _syntax_problem(error: YAMLError, text: str) -> Problem:
    if isinstance(error, ReaderError):
        what = f"the character U+{error.character:04X} is not allowed in YAML"
        return Problem(position_of(text, error.position), (), what)
    if not isinstance(error, MarkedYAMLError) or error.problem is None:
        return Problem(Position(1, 1), (), "this is not YAML")
    advice = next((f": {words}" for start, words in ADVICE.items() if error.problem.startswith(start)), "")
    began = f", {error.context} begun on line {error.context_mark.line + 1}" if error.context_mark else ""
    position = at(error.problem_mark) if error.problem_mark else Position(1, 1)
    return Problem(position, (), f"this is not YAML ({error.problem}{began}){advice}")


def _secrets(text: str, builder: Builder) -> Iterator[Problem]:
    """Secrets anywhere in the text, comments included: git keeps whatever was committed once."""
    for name, pattern in SECRETS.items():
        for match in pattern.finditer(text):
            position = position_of(text, match.start())
            here = [where for where, place in builder.places.items() if place.line == position.line]
            what = f"looks like {name}: remove it, revoke it, and hand secrets over in the environment"
            yield Problem(position, max(here, key=len, default=()), what)
