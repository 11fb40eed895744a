"""A document against the model of its sections."""

import json
from functools import cache
from typing import TypeVar

from pydantic import ValidationError

from teacherspec.check.parsing.diagnostics import Problem
from teacherspec.check.parsing.error_messages import Explainer
from teacherspec.check.parsing.parse import Document
from teacherspec.check.parsing.schema_walk import SchemaTree
from teacherspec.spec.section import Section

Model = TypeVar("Model", bound=Section)


def validate(model: type[Model], document: Document) -> tuple[Model | None, list[Problem]]:
    """`document` as a `model`, or None and every problem that pydantic finds in it.

    Values pass through strict JSON validation: lists become tuples, but "3", true and 3.0 are no whole
    numbers.
    """
    try:
        return model.model_validate_json(json.dumps(document.values)), []
    except ValidationError as error:
        return None, Explainer(_schema(model), document).explain(error)


@cache
def _schema(model: type[Section]) -> SchemaTree:
    return SchemaTree(model.model_json_schema())
