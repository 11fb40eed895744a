"""The base of every section of the declaration."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Section(BaseModel):
    """A block of `params.yaml`: unknown keys refused, values never coerced, never changed after reading.

    Field docstrings state meaning and unit; they become the descriptions of the JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the fields when a schema is asked for.

        pydantic's own `use_attribute_docstrings` reads the source of every class when it is imported, which
        was a third of the start of each command and stage.
        """
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in field_docstrings(cls).items():
            key = cls.model_fields[name].alias or name
            properties[key].setdefault("description", text)
        return schema


def field_docstrings(section: type[BaseModel]) -> dict[str, str]:
    """Name of each field → the string literal that follows it in the source of the class that defines it."""
    found: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if issubclass(base, BaseModel) and base.__module__.partition(".")[0] != "pydantic":
            found |= dict(_docstrings(base))
    return {name: text for name, text in found.items() if name in section.model_fields}


def _docstrings(section: type) -> Iterator[tuple[str, str]]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    for statements in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
        match statements:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
