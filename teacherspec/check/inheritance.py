"""A declaration over a shared one: `teacher.yaml` holds what is the teacher's own, `extends` names the rest.

One rule merges them. A section has the keys of both files; a key that `teacher.yaml` gives replaces that key
of the shared file, with all that is below it. The result is `params.yaml`, which is written and in git: DVC
reads one file, and `dvc params diff` and `${task.kind}` work as in a repository of one teacher.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.check.parsing.diagnostics import Position, Problem, Where, dotted, refusal
from teacherspec.check.parsing.parse import Document, read_document
from teacherspec.check.parsing.yaml_scalars import blotted, show
from teacherspec.errors import DeclarationError
from teacherspec.runtime.project_root import OWN, inherits

EXTENDS = "extends"
WRITE = "teacherspec check --write"

MOST_SHOWN = 60
"""Characters of a value in a message."""

DIGEST_LINE = re.compile(r"^# values: ([0-9a-f]{16})$", re.MULTILINE)
"""In the head of a written `params.yaml`: it separates an edit of that file from an edit of its sources."""


def shared_file(folder: Path) -> Path:
    """The file that the teacher in `folder` extends.

    Raises:
        DeclarationError: `teacher.yaml` cannot be read, or names none.
    """
    return _shared(read_document(folder / OWN))


def merged(folder: Path) -> Document:
    """The declaration of the teacher in `folder`, each value with its place in the file that declares it.

    Raises:
        DeclarationError: a file is missing or no YAML, `extends` names no file, or the shared file extends
            another.
    """
    own = read_document(folder / OWN)
    shared = read_document(_shared(own))
    if EXTENDS in shared.values:
        what = "a shared file extends no other: move what teachers share into one file"
        raise refusal(shared.file, [Problem(shared.key_position((EXTENDS,)), (EXTENDS,), what)])
    values = {
        name: merged_section(shared.values, own.values, name) for name in {**shared.values, **own.values}
    }
    values.pop(EXTENDS)
    from_shared = {where: shared.file for where in shared.keys if _is_kept(where, own)}
    return Document(
        own.file,
        values,
        {**{where: shared.keys[where] for where in shared.keys if _is_kept(where[:2], own)}, **own.keys},
        {
            **{where: shared.places[where] for where in shared.places if _is_kept(where[:2], own)},
            **own.places,
        },
        (*own.problems, *(one for one in shared.problems if _is_kept(one.where[:2], own))),
        {where: file for where, file in from_shared.items() if 0 < len(where) <= 2},
    )


def merged_section(shared: Mapping[str, Any], own: Mapping[str, Any], name: str) -> Any:
    """A section of two declarations by the one rule of the merge."""
    above, below = shared.get(name), own.get(name)
    if isinstance(above, dict) and isinstance(below, dict):
        return {**above, **below}
    return below if name in own else above


def _is_kept(where: Where, own: Document) -> bool:
    """Whether a section, or a key of a section, is what the shared file says."""
    value: Any = own.values
    for step in where[:2]:
        if not isinstance(value, dict):
            return False
        if step not in value:
            return True
        value = value[step]
    return False


def _shared(own: Document) -> Path:
    """Raises `DeclarationError`."""
    given = own.values.get(EXTENDS)
    if not isinstance(given, str):
        what = (
            f"missing key (the file that this one extends, such as {EXTENDS}: ../shared.yaml; without one, "
            f"declare the teacher in params.yaml and remove {own.file})"
        )
        raise refusal(own.file, [Problem(Position(1, 1), (EXTENDS,), what)])
    file = Path(os.path.normpath(own.file.parent / given))
    if not file.is_file():
        what = f"no such file (given {show(given)}, counted from the folder of {own.file})"
        raise refusal(own.file, [Problem(own.value_position((EXTENDS,)), (EXTENDS,), what)])
    return file


def digest(values: Mapping[str, Any]) -> str:
    """Of the values of a declaration, whatever their order."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def was_edited(params: Path) -> bool:
    """Whether someone changed a written `params.yaml`; one that was never written counts as edited."""
    if not params.is_file():
        return False
    stated = DIGEST_LINE.search(params.read_text(encoding="utf-8-sig"))
    return stated is None or stated[1] != digest(read_document(params).values)


def refuse_outdated(params: Path) -> None:
    """Refuse a `params.yaml` that is not what its two files declare; does nothing where it has none.

    Raises:
        DeclarationError: names every value that differs, and where to change it.
    """
    folder = params.parent
    if not inherits(folder):
        return
    declared = merged(folder)
    if not params.is_file():
        raise DeclarationError(f"{params}: not written yet; run `{WRITE}`")
    differing = list(_differing(read_document(params), declared))
    if not differing:
        return
    remedy = f"`{WRITE}` writes {params.name} again"
    if was_edited(params):
        remedy = (
            f"{params.name} was edited: set the values in {OWN}, then remove {params.name} and run `{WRITE}`"
        )
    raise DeclarationError([*differing, f"{params}: is not what {OWN} and its shared file declare; {remedy}"])


def _differing(written: Document, declared: Document) -> Iterator[str]:
    """Each value that one of them has and the other has not."""
    for where in sorted({*_leaves(written.values), *_leaves(declared.values)}, key=dotted):
        now, wanted = (value_at(document.values, where) for document in (written, declared))
        if json.dumps(now) != json.dumps(wanted) and not isinstance(now or wanted, dict):
            place = declared.value_position(where)
            file = declared.file_of(where)
            yield (
                f"{written.file}: {dotted(where)}: {_or_nothing(now)} is written, and {file}:{place.line} "
                f"declares {_or_nothing(wanted)}"
            )


def _leaves(values: Any, where: Where = ()) -> Iterator[Where]:
    """The place of every value that is no mapping; of an empty mapping too."""
    if isinstance(values, dict) and (values or not where):
        for key, value in values.items():
            yield from _leaves(value, (*where, key))
    else:
        yield where


def value_at(values: Any, where: Where) -> Any:
    """The value at a place; None where there is none."""
    for step in where:
        if not isinstance(values, dict) or step not in values:
            return None
        values = values[step]
    return values


def _or_nothing(value: Any) -> str:
    return "nothing" if value is None else shown_value(value)


def shown_value(value: Any) -> str:
    """A value as JSON, without secrets, cut where it is long."""
    text = blotted(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
