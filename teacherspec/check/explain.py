"""Every value of a declaration with the place that declares it, or that it is a default."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from teacherspec.check.declaration import Spec
from teacherspec.check.inheritance import merged, shared_file, shown_value, value_at
from teacherspec.check.parsing.diagnostics import Where, dotted
from teacherspec.check.parsing.parse import Document, read_document
from teacherspec.runtime.project_root import inherits

DEFAULT = "default"


class Origin(NamedTuple):
    """One value of a declaration.

    Attributes:
        key: dotted.
        value: as text.
        place: `file:line` that declares it, and what it replaces there; or that it is a default.
    """

    key: str
    value: str
    place: str


def origins(spec: Spec, params: Path) -> list[Origin]:
    """Every value that the teacher has, in the order of the declaration; without defaults that are empty.

    Args:
        spec: the valid declaration in `params`.
        params: its file; where that is written from two files, these are named.
    """
    folder = params.parent
    document = merged(folder) if inherits(folder) else read_document(params)
    shared = read_document(shared_file(folder)) if inherits(folder) else None
    return list(_origins(spec.model_dump(mode="json", by_alias=True), document, shared))


def _origins(values: Any, document: Document, shared: Document | None) -> Iterator[Origin]:
    for where, value in _leaves(values):
        declared = where in document.places or where in document.keys
        if declared:
            place = f"{document.file_of(where)}:{document.value_position(where).line}"
            yield Origin(dotted(where), shown_value(value), place + _replaced(where, document, shared))
        elif value not in (None, [], {}, ""):
            yield Origin(dotted(where), shown_value(value), DEFAULT)


def _leaves(values: Any, where: Where = ()) -> Iterator[tuple[Where, Any]]:
    if isinstance(values, dict) and (values or not where):
        for key, value in values.items():
            yield from _leaves(value, (*where, key))
    elif isinstance(values, list) and any(isinstance(item, dict) for item in values):
        for index, item in enumerate(values):
            yield from _leaves(item, (*where, index))
    else:
        yield where, values


def _replaced(where: Where, document: Document, shared: Document | None) -> str:
    """What a value of the teacher's own replaces in the shared file; empty where it replaces nothing."""
    if shared is None or document.file_of(where) == shared.file or where[:2] not in shared.keys:
        return ""
    line = shared.value_position(where[:2]).line
    return f", over {shown_value(value_at(shared.values, where[:2]))} of {shared.file}:{line}"
