"""The check of a whole declaration, and the JSON Schema of the file.

It may refuse a declaration, never change a result.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from teacherspec.check.cross_checks import RULES
from teacherspec.check.declaration import Spec
from teacherspec.check.inheritance import merged, refuse_outdated, value_at
from teacherspec.check.parsing.diagnostics import Problem, Where
from teacherspec.check.parsing.parse import Document, read_document
from teacherspec.check.parsing.validate import validate
from teacherspec.runtime.project_root import DVC, inherits, project_root

FOLDERS: tuple[Where, ...] = (("prepare", "data"), ("base", "source", "folder"))
"""Declared folders that may be shared by teachers, each given from the folder of the declaration."""


def check(file: Path) -> Spec:
    """The declaration in `file`, if nothing at all is wrong with it.

    Raises:
        DeclarationError: holds every problem as `file:line:column: key: what is wrong`.
    """
    return check_document(read_document(file))


def check_document(document: Document) -> Spec:
    """The declaration in a document, if nothing at all is wrong with it. Raises `DeclarationError`."""
    spec, problems = validate(Spec, document)
    problems += [*_disagreements(document, problems), *_outside_repository(document)]
    if spec is None or problems or document.problems:
        raise document.refusal(problems)
    return spec


def check_teacher(params: Path) -> Spec:
    """The declaration of a teacher; where `params.yaml` is written from two files, also these.

    Raises:
        DeclarationError: holds every problem, each where it is declared.
    """
    if inherits(params.parent):
        check_document(merged(params.parent))
        refuse_outdated(params)
    return check(params)


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the whole file, described by the docstrings of its fields."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()}


def _outside_repository(document: Document) -> Iterator[Problem]:
    """Folders of data and of bases that lead out of the repository by `..`, where its root is known."""
    top = project_root(document.file.parent)
    if not (top / DVC).is_dir():
        return
    for where in FOLDERS:
        value = value_at(document.values, where)
        if isinstance(value, str) and value.startswith("../"):
            target = Path(os.path.normpath(document.file.parent.absolute() / value))
            if not target.is_relative_to(top):
                what = f"leads out of the repository (given {value}); move it inside"
                yield Problem(document.value_position(where), where, what)


def _disagreements(document: Document, problems: list[Problem]) -> list[Problem]:
    """What the rules find between the sections that are right by themselves."""
    wrong = {problem.where[0] for problem in (*problems, *document.problems) if problem.where}
    sound = {
        name: _section(field, document.values[name])
        for name, field in Spec.model_fields.items()
        if name in document.values and name not in wrong
    }
    part = Spec.model_construct(**sound)
    return [
        Problem(document.value_position(finding.where), finding.where, finding.what)
        for rule in RULES
        if sound.keys() >= set(rule.sections)
        for finding in rule.findings(part)
    ]


def _section(field: FieldInfo, values: Any) -> Any:
    annotation: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotation).validate_json(json.dumps(values))
