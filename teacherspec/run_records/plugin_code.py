"""The code of kinds of task in packages of users: what a stage of a teacher of such a kind depends on.

No package is imported for this: its files are found by the path of its module.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.tasks import NAMES
from teacherspec.tasks.plugins import InstalledKind, offered_kinds

BUILT_IN = re.compile(r"\bteacherspec\.tasks\.(\w+)")
"""How code names the module of a built-in kind that it derives from."""

IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+(\w+)", re.MULTILINE)

COMPILED = "__pycache__"


@dataclass(frozen=True)
class PluginCode:
    """The code of one kind.

    Attributes:
        package: name and version of its package.
        files: name → content, of all files of its package, and of packages of other kinds that it imports.
        built_in: built-in kinds that it derives from.
        pinned: what its package requires, as its metadata states it.
    """

    package: str
    files: Mapping[str, bytes]
    built_in: tuple[str, ...]
    pinned: tuple[str, ...]

    def digest(self, digest_of: Mapping[str, str]) -> str:
        """SHA-256 over the code and what it stands on.

        Args:
            digest_of: built-in kind → digest of its code.
        """
        total = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        for line in (*self.pinned, *(f"{kind} {digest_of[kind]}" for kind in self.built_in)):
            total.update(f"{line}\n".encode())
        return total.hexdigest()


def plugin_code(kind: str) -> PluginCode | None:
    """The code of an installed kind; None for a built-in one, and where no package offers it.

    Raises:
        UserError: several packages offer it, or its module is nowhere.
    """
    offered = offered_kinds()
    if kind in NAMES or kind not in offered:
        return None
    found = offered[kind]
    if len(found.entries) > 1:
        found.load()  # raises
    files = dict(_with_imported(found, offered.values()))
    sources = "\n".join(
        content.decode(errors="replace") for name, content in files.items() if name.endswith(".py")
    )
    return PluginCode(
        found.package,
        files,
        tuple(sorted(set(BUILT_IN.findall(sources)) & NAMES)),
        tuple(sorted(found.entries[0].dist.requires or ()) if found.entries[0].dist else ()),
    )


def _with_imported(kind: InstalledKind, others: Iterable[InstalledKind]) -> Iterator[tuple[str, bytes]]:
    """Files of the package of a kind, then of packages of other kinds whose names its code imports."""
    waiting, done = [kind.entries[0]], set[str]()
    while waiting:
        entry = waiting.pop()
        top = entry.module.partition(".")[0]
        if top in done:
            continue
        done.add(top)
        files = list(_files(entry, kind))
        yield from files
        imported = {
            name for _, content in files for name in IMPORTED.findall(content.decode(errors="ignore"))
        }
        waiting += [
            other for one in others for other in one.entries if other.module.partition(".")[0] in imported
        ]


def _files(entry: EntryPoint, kind: InstalledKind) -> Iterator[tuple[str, bytes]]:
    """Name → content of the files of the package that an entry point leads into. Raises `UserError`."""
    place = _place(entry.module)
    if place is None:
        raise UserError(
            f"kind {kind.name} of {kind.package}: there is no module {entry.module}; repair that package, or "
            "declare another kind"
        )
    for file in [place] if place.is_file() else sorted(place.rglob("*")):
        if file.is_file() and COMPILED not in file.parts:
            yield file.relative_to(place.parent).as_posix(), file.read_bytes()


def _place(module: str) -> Path | None:
    """The folder of the package of a module, or its file; of a namespace package, of what is in it."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        try:
            spec = sys.modules[name].__spec__ if name in sys.modules else find_spec(name)
        except (ImportError, ValueError):  # a parent is no package
            return None
        if spec is None:
            return None
        if spec.origin is not None:
            file = Path(spec.origin)
            return file.parent if file.name == "__init__.py" else file
    return None
