"""Pydantic errors as problems that a user can fix: where, what is wrong, what is given and allowed."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from teacherspec.check.parsing.diagnostics import Problem, Where
from teacherspec.check.parsing.parse import Document
from teacherspec.check.parsing.renamed_keys import RENAMED
from teacherspec.check.parsing.schema_walk import Place, Schema, SchemaTree
from teacherspec.check.parsing.yaml_scalars import did_you_mean, listed, nearest, show

WRONG = {
    "literal_error": "unknown value",
    "enum": "unknown value",
    "string_pattern_mismatch": "wrong form",
    "greater_than": "out of range",
    "greater_than_equal": "out of range",
    "less_than": "out of range",
    "less_than_equal": "out of range",
    "multiple_of": "out of range",
    "too_short": "wrong number of items",
    "too_long": "wrong number of items",
    "string_too_short": "wrong length",
    "string_too_long": "wrong length",
}
BOOLEAN_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True)
class Explainer:
    """Explains the errors of one model in one document, by the model's JSON Schema."""

    tree: SchemaTree
    document: Document

    def explain(self, error: ValidationError) -> list[Problem]:
        """One problem for each mistake: a misspelt key does not also count as a missing one."""
        # A default that follows from another field is not computed where that field is wrong: no mistake.
        details = [
            detail
            for detail in error.errors(include_url=False)
            if detail["type"] != "default_factory_not_called"
        ]
        answered = {self._meant(detail) for detail in details if detail["type"] == "extra_forbidden"}
        problems = {
            self._problem(detail)
            for detail in details
            if not (detail["type"] == "missing" and self._place(detail).where in answered)
            and not self._miscounted(detail)
        }
        return [problem for problem in problems if not self._said_within(problem, problems)]

    def _said_within(self, problem: Problem, problems: set[Problem]) -> bool:
        """Whether `problem` only says that no alternative fits a list whose wrong item is named as well."""
        where = problem.where
        within = any(
            len(other.where) > len(where) and other.where[: len(where)] == where for other in problems
        )
        return within and "anyOf" in self.tree.follow(where, self.document.values).schema

    def _miscounted(self, detail: ErrorDetails) -> bool:
        """Whether pydantic finds a list too short only because it does not count the items that are wrong."""
        value = self._value(self._place(detail).where) if detail["type"] == "too_short" else None
        return isinstance(value, list) and len(value) != detail["ctx"]["actual_length"]

    def _problem(self, detail: ErrorDetails) -> Problem:
        place = self._place(detail)
        match detail["type"]:
            case "extra_forbidden":
                what = self._unknown_key(detail)
                return Problem(self.document.key_position(place.where), place.where, what)
            case "missing":
                return self._missing_key(place)
            case "union_tag_not_found":
                return self._missing_key(self._kind(place))
            case "union_tag_invalid":
                return self._wrong_value("unknown kind", self._kind(place))
            case "value_error" | "assertion_error":
                what = detail["msg"].partition(", ")[2]
                what += "" if "(given" in what else self._given(place.where)
                return Problem(self.document.value_position(place.where), place.where, what)
        wrong = "wrong value" if "anyOf" in place.schema else WRONG.get(detail["type"], "wrong type")
        return self._wrong_value(wrong, place)

    def _place(self, detail: ErrorDetails) -> Place:
        return self.tree.follow(detail["loc"], self.document.values)

    def _value(self, where: Where) -> Any:
        value: Any = self.document.values
        for step in where:
            value = value[step]
        return value

    def _given(self, where: Where) -> str:
        value = self._value(where)
        return "" if isinstance(value, dict | list) else f" (given {show(value)})"

    def _unknown_key(self, detail: ErrorDetails) -> str:
        parent = self.tree.follow(detail["loc"][:-1], self.document.values)
        place = (*parent.where, detail["loc"][-1])
        if renamed := RENAMED.get(tuple(step for step in place if isinstance(step, str))):
            return f"this key is now called {renamed}: rename it"
        allowed = list(parent.schema.get("properties", {}))
        meant = self._meant(detail)
        suggestion = f"; did you mean {meant[-1]}?" if meant else ""
        return f"unknown key (allowed {listed(allowed)}{suggestion})"

    def _meant(self, detail: ErrorDetails) -> Where:
        """The key that an unknown one was probably meant to be, among those not given; or nothing."""
        parent = self.tree.follow(detail["loc"][:-1], self.document.values)
        free = [key for key in parent.schema.get("properties", {}) if key not in self._value(parent.where)]
        near = nearest(str(detail["loc"][-1]), free)
        return (*parent.where, near) if near else ()

    def _kind(self, union: Place) -> Place:
        """The key that selects a kind of `union`, with the known kinds as its allowed values."""
        discriminator = union.schema["discriminator"]
        return Place((*union.where, discriminator["propertyName"]), {"enum": list(discriminator["mapping"])})

    def _missing_key(self, place: Place) -> Problem:
        allowed = self.tree.describe(place.schema)
        notes = "; ".join(filter(None, [_meaning(place.schema), f"allowed {allowed}" if allowed else ""]))
        what = "missing key" + (f" ({notes})" if notes else "")
        return Problem(self.document.key_position(place.where), place.where, what)

    def _wrong_value(self, wrong: str, place: Place) -> Problem:
        value = self._value(place.where)
        given = str(len(value)) if isinstance(value, list) and wrong == WRONG["too_short"] else show(value)
        allowed = self.tree.describe(place.schema)
        if wrong == WRONG["string_pattern_mismatch"]:
            allowed = f"{place.schema['pattern']}, {_meaning(place.schema)}".rstrip(", ")
        notes = f"given {given}" + (f"; allowed {allowed}" if allowed else "")
        what = f"{wrong} ({notes}{_advice(value, place.schema)})"
        return Problem(self.document.value_position(place.where), place.where, what)


def _meaning(schema: Schema) -> str:
    """The first sentence of the field's docstring."""
    text = schema.get("description", "").partition("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.;])\s", text)[0].rstrip(".;")


def _advice(value: Any, schema: Schema) -> str:
    """What was probably meant by a value of the wrong type or a misspelt name."""
    names = [option for option in schema.get("enum", [schema.get("const")]) if isinstance(option, str)]
    if isinstance(value, str) and names:
        return did_you_mean(value, names)
    meant: str | None = None
    match schema.get("type"), value:
        case "integer", float() if value.is_integer():
            meant = str(int(value))
        case "integer", str() if re.fullmatch(r"-?[0-9]+", value):
            meant = f"{value} without quotes"
        case "number", str() if re.fullmatch(r"-?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?", value):
            meant = f"{value} without quotes"
        case "boolean", str():
            meant = BOOLEAN_WORDS.get(value.lower())
        case "string", bool() | int() | float():
            meant = f'"{show(value)}" in quotes'
        case "array", str() | int() | float():
            meant = f"a list: [{value}]" if len(str(value)) <= 20 else None
    return f"; did you mean {meant}?" if meant else ""
