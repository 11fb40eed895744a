"""The check of a whole declaration, and the JSON Schema of the file.

It may refuse a declaration, never change a result.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from teacherspec.check.cross_checks import RULES
from teacherspec.check.declaration import Spec
from teacherspec.check.parsing.diagnostics import Problem
from teacherspec.check.parsing.parse import Document, read_document
from teacherspec.check.parsing.validate import validate


def check(file: Path) -> Spec:
    """The declaration in `file`, if nothing at all is wrong with it.

    Raises:
        DeclarationError: holds every problem as `file:line:column: key: what is wrong`.
    """
    document = read_document(file)
    spec, problems = validate(Spec, document)
    problems += _disagreements(document, problems)
    if spec is None or problems or document.problems:
        raise document.refusal(problems)
    return spec


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the whole file, described by the docstrings of its fields."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()}


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
