"""Kinds of task in packages of users: classes that the entry points of one group name.

Packages are found by their metadata alone; a class is imported when a declaration has its kind, or when all
kinds are described. So a package that does not import only stops teachers of its own kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Annotated, Any, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PlainValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticOmit, to_json

from teacherspec.errors import UserError
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind

GROUP = "teacherspec.kinds"
"""The group of entry points. The name of one is that of the kind, its value `package.module:Class`."""

SHOWN_CHARACTERS = 160
"""Of the message of an import that failed."""


@dataclass(frozen=True)
class InstalledKind:
    """A kind of task that an installed package offers.

    Attributes:
        name: of the kind.
        package: name and version, such as `acme-tickets 0.3.0`; of several packages, where they clash.
        entries: the entry point; several of different packages are a clash.
    """

    name: str
    package: str
    entries: tuple[EntryPoint, ...]

    def load(self) -> type[Kind]:
        """The class.

        Raises:
            UserError: it cannot be imported, or is no kind of this name; names the package and its version.
        """
        if len(self.entries) > 1:
            raise UserError(f"{self._called()}: more than one package offers this kind; uninstall the others")
        (entry,) = self.entries
        try:
            found = entry.load()
        except Exception as error:  # whatever the code of a package raises while it is imported
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:SHOWN_CHARACTERS]
            raise UserError(
                f"{self._called()}: {entry.value} cannot be imported ({reason}); repair that package, "
                "install another version of it, or declare another kind"
            ) from None
        if wrong := _wrong_class(self.name, found):
            raise UserError(
                f"{self._called()}: {entry.value} {wrong}; repair that package, or declare another kind"
            )
        kind: type[Kind] = found
        return kind

    def _called(self) -> str:
        return f"kind {self.name} of {self.package}"


def _wrong_class(name: str, found: Any) -> str:
    """Why an object that an entry point names is no kind of this name; empty where it is one."""
    if not (isinstance(found, type) and issubclass(found, Kind)):
        return "is no class derived from teacherspec.tasks.shared.interfaces.kind.Kind"
    field = found.model_fields.get("kind")
    declared = get_args(field.annotation) if field else ()
    if declared != (name,):
        given = ", ".join(map(str, declared)) or "none"
        return f'is declared for another kind (given {given}; expected `kind: Literal["{name}"]`)'
    if isabstract(found):
        return f"lacks methods of a kind ({', '.join(sorted(found.__abstractmethods__))})"
    output_type = getattr(found, "output_type", None)
    if output_type not in get_args(OutputType):
        return f"has no known output_type (given {output_type}; allowed {', '.join(get_args(OutputType))})"
    return ""


@cache
def offered_kinds() -> Mapping[str, InstalledKind]:
    """Name → kind of every installed package, in order of name; nothing is imported."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        # The same package may be on the path twice, as in a build folder.
        found.setdefault(entry.name, {}).setdefault((_package(entry), entry.value), entry)
    return {
        name: InstalledKind(
            name, " and ".join(package for package, _ in found[name]), tuple(found[name].values())
        )
        for name in sorted(found)
    }


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"


def refused_kinds(names: frozenset[str]) -> list[str]:
    """Why kinds of installed packages are not used, in words: a built-in kind has the same name.

    Args:
        names: of the built-in kinds.
    """
    return [
        f"kind {name} of {kind.package} is not used: teacherspec has a kind of this name; rename that one, "
        "or uninstall the package"
        for name, kind in offered_kinds().items()
        if name in names
    ]


def with_installed(built_in: Any, names: frozenset[str]) -> Any:
    """The type of a declared task: the union of the built-in kinds, and all installed ones.

    Args:
        built_in: the union.
        names: of its kinds, which no package replaces.
    """
    added = [kind for name, kind in offered_kinds().items() if name not in names]
    return Annotated[Kind, _Union(built_in, tuple(added))] if added else built_in


@dataclass(frozen=True)
class _Union:
    """Adds choices to a union that is selected by the key `kind`."""

    built_in: Any
    added: tuple[InstalledKind, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler.generate_schema(self.built_in)
        choices = handler.resolve_ref_schema(schema)["choices"]
        for kind in self.added:
            hooks = PlainValidator(_validator(kind)), _Described(kind)
            choices[kind.name] = handler.generate_schema(Annotated[(Any, *hooks)])
        return schema


def _validator(kind: InstalledKind) -> Callable[[Any], Kind]:
    """Imports the class when a declaration has its kind, then validates with it."""

    def validate(value: Any) -> Kind:
        if isinstance(value, Kind):
            return value
        try:
            found = kind.load()
        except UserError as error:
            raise ValueError(str(error)) from None
        # A declaration passes through strict JSON validation: lists become tuples, but "3" is no number.
        return found.model_validate_json(to_json(value))

    return validate


@dataclass(frozen=True)
class _Described:
    """Describes a kind in the JSON Schema by its class; one that does not import is left out."""

    kind: InstalledKind

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        try:
            found = self.kind.load()
        except UserError:
            raise PydanticOmit from None
        own: Any = found.__pydantic_core_schema__
        if own["type"] != "definitions":
            own = {"type": "definitions", "schema": own, "definitions": []}
        # With a reference it becomes a definition of its own, as the built-in kinds are.
        reference = f"{found.__module__}.{found.__qualname__}:{id(found)}"
        return handler({**own, "schema": {**own["schema"], "ref": reference}})
