"""What a declaration may hold, read from the JSON Schema of its sections.

Errors speak from the same schema that editors complete from, so that the two never disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from teacherspec.check.parsing.diagnostics import Where
from teacherspec.check.parsing.yaml_scalars import listed, show

Schema = dict[str, Any]

KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


class Place(NamedTuple):
    """A place in the declaration and what its schema allows there (`{}`: nothing is known)."""

    where: Where
    schema: Schema


@dataclass(frozen=True)
class SchemaTree:
    """The JSON Schema of a model, walked along the locations of pydantic errors."""

    root: Schema

    def resolve(self, schema: Schema) -> Schema:
        """`schema` with its reference followed and a `null` alternative left out."""
        while "$ref" in schema:
            schema = {**self._definition(schema["$ref"]), **{k: v for k, v in schema.items() if k != "$ref"}}
        alternatives = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
        if len(alternatives) == 1:
            rest = {key: value for key, value in schema.items() if key != "anyOf"}
            return self.resolve({**alternatives[0], **rest})
        return {**schema, "anyOf": alternatives} if alternatives else schema

    def _definition(self, reference: str) -> Schema:
        definition: Schema = self.root["$defs"][reference.removeprefix("#/$defs/")]
        return definition

    def follow(self, location: Sequence[str | int], values: Any) -> Place:
        """Where the error at `location` stands in `values`.

        Pydantic puts the chosen kind of a union into the location; the declaration has no such level.
        """
        where: Where = ()
        schema = self.resolve(self.root)
        for step in location:
            kinds = _alternatives(schema)
            if step in kinds:
                schema = self.resolve({"$ref": kinds[step]})
                continue
            if step == "[key]":
                break  # the key itself is wrong, not its value
            inner = self._inside(schema, step)
            held = isinstance(values, dict) and step in values
            if inner is None and not held:
                continue  # the name of an alternative in a union without kinds
            where, schema = (*where, step), self.resolve(inner or {})
            values = _item(values, step)
        return Place(where, schema)

    def _inside(self, schema: Schema, step: str | int) -> Schema | None:
        for option in schema.get("anyOf", ()):
            if inner := self._inside(self.resolve(option), step):
                return inner
        if step in schema.get("properties", {}):
            field: Schema = schema["properties"][step]
            return field
        if isinstance(step, int) and schema.get("type") == "array":
            fixed: list[Schema] = schema.get("prefixItems", [])
            return fixed[step] if step < len(fixed) else schema.get("items", {})
        others = schema.get("additionalProperties")
        return others if isinstance(others, dict) else None

    def describe(self, schema: Schema) -> str:
        """What `schema` allows, in words: `a whole number, at least 1`."""
        schema = self.resolve(schema)
        if "enum" in schema or "const" in schema:
            options = schema.get("enum", [schema.get("const")])
            return listed([option if isinstance(option, str) else show(option) for option in options])
        if "discriminator" in schema:
            discriminator = schema["discriminator"]
            return f"a mapping with {discriminator['propertyName']}: {listed(list(discriminator['mapping']))}"
        if options := schema.get("anyOf", schema.get("oneOf")):
            return " or ".join(self.describe(option) for option in options)
        words = KINDS.get(schema.get("type", ""), "")
        return ", ".join(filter(None, [words, *_limits(schema), self._contents(schema)]))

    def _contents(self, schema: Schema) -> str:
        if schema.get("properties"):
            return "with the keys " + listed(list(schema["properties"]))
        if schema.get("type") == "array" and schema.get("items"):
            return f"each {self.describe(schema['items'])}"
        return ""


def _alternatives(schema: Schema) -> dict[str, str]:
    """Tag → reference of each alternative of a union whose tag pydantic puts into locations.

    Where a function discriminates, the schema lists the alternatives only; tags are the names of the classes.
    """
    if mapping := schema.get("discriminator", {}).get("mapping"):
        return dict(mapping)
    references = [option["$ref"] for option in schema.get("oneOf", ()) if "$ref" in option]
    return {reference.rpartition("/")[2]: reference for reference in references}


def _item(values: Any, step: str | int) -> Any:
    if isinstance(values, dict):
        return values.get(step)
    if isinstance(values, list) and isinstance(step, int) and step < len(values):
        return values[step]
    return None


def _limits(schema: Schema) -> list[str]:
    """The range of a number, of the length of a text, of the number of items."""
    unit = {"string": "character", "array": "item"}.get(schema.get("type", ""), "")
    lowest = next((schema[key] for key in ("minimum", "minLength", "minItems") if key in schema), None)
    highest = next((schema[key] for key in ("maximum", "maxLength", "maxItems") if key in schema), None)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if lowest is not None and highest is not None:
        both = _amount(highest, unit)
        return [f"exactly {both}" if lowest == highest else f"{_amount(lowest)} to {both}"]
    words = {"above": above, "at least": lowest, "below": below, "at most": highest}
    return [f"{word} {_amount(limit, unit)}" for word, limit in words.items() if limit is not None]


def _amount(limit: float, unit: str = "") -> str:
    """`1 item`, `0.5`, `2^64`."""
    if unit:
        return f"{limit} {unit}" + ("" if limit == 1 else "s")
    if isinstance(limit, int) and limit.bit_count() == 1 and limit > 2**20:
        return f"2^{limit.bit_length() - 1}"
    return f"{limit:g}" if isinstance(limit, float) else str(limit)
