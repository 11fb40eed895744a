"""The one way from `params.yaml` to the sections a stage declares."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from teacherspec.declaration.allowed import SchemaTree
from teacherspec.declaration.explaining import Explainer
from teacherspec.declaration.problem import Problem
from teacherspec.declaration.reading import Document, read_document
from teacherspec.section import Section

PARAMS = Path("params.yaml")
"""Where the declaration lives, from the root of the repository, where DVC runs every stage."""

Sections = TypeVar("Sections", bound=Section)


def load_sections(model: type[Sections], file: Path = PARAMS) -> Sections:
    """The sections of `file` that are fields of `model`; a stage never sees the others.

    A stage lists what it reads, and `dvc.yaml` declares the same names under `params`:

        class Declared(Section):
            task: Task
            finetune: Finetune

    Raises:
        DeclarationError: the file cannot be read, or one of these sections is wrong; holds every problem.
    """
    document = read_document(file)
    sections, problems = validate(model, document, only=tuple(model.model_fields))
    if sections is None or problems or document.problems:
        raise document.refusal(problems)
    return sections


def validate(
    model: type[Sections], document: Document, only: tuple[str, ...] | None = None
) -> tuple[Sections | None, list[Problem]]:
    """`document` as a `model`, or None and every problem that pydantic finds in it.

    `only` projects the document to these top-level keys; without it every key counts. Values pass
    through strict JSON validation: lists become tuples, but "3", true and 3.0 are no whole numbers.
    """
    values = {key: value for key, value in document.values.items() if only is None or key in only}
    try:
        return model.model_validate_json(json.dumps(values)), []
    except ValidationError as error:
        return None, Explainer(SchemaTree(model.model_json_schema()), document).explain(error)
