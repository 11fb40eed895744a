"""Which files of the project a stage runs: the closure of its imports, read from the source.

DVC reruns a stage when a file it depends on changes, so the declared code must be exactly the imported
code. Static on purpose: an import inside a function counts although a test run may never reach it.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

PACKAGES = ("stages", "teacherspec")
"""The project's own top-level packages; only their files count as code."""

BY_NAME = frozenset({"import_module", "__import__"})
RUNNERS = frozenset({"run_module", "run_path", "spec_from_file_location", "exec_module"})
BUILTINS = frozenset({"exec", "eval"})
DOTTED = re.compile(r"\w+(\.\w+)+")


class DynamicImportError(Exception):
    """A module is named at run time, so that no one can know which file it is."""


@dataclass(frozen=True)
class Project:
    """The Python files below `root` that belong to the project's own packages.

    Attributes:
        root: folder of `dvc.yaml`.
        exempt: (importing file, imported file) pairs that are known not to alter any result.
        known: what each file imports, kept because stages share most of their files.
    """

    root: Path
    exempt: frozenset[tuple[str, str]] = frozenset()
    known: dict[str, list[str]] = field(default_factory=dict)

    def closure(self, entry: str, without: frozenset[str] = frozenset()) -> frozenset[str]:
        """All files that running `entry` can import, itself included, as paths from the root.

        Empty `__init__.py` files are left out: they hold nothing that could change.

        Args:
            entry: path from the root.
            without: files that are neither counted nor followed.

        Raises:
            DynamicImportError: a file imports what only run time knows.
        """
        found: set[str] = set()
        waiting = [entry]
        while waiting:
            file = waiting.pop()
            if file not in found and file not in without:
                found.add(file)
                waiting += self.imports(file)
        return frozenset(found)

    def imports(self, file: str) -> list[str]:
        """The project's files that `file` imports directly, with the packages they lie in."""
        if file not in self.known:
            self.known[file] = self._imports(file)
        return self.known[file]

    def _imports(self, file: str) -> list[str]:
        tree = ast.parse((self.root / file).read_text(encoding="utf-8"), filename=file)
        nodes = list(_executed(tree))
        _refuse_dynamic(nodes, file)
        modules = {module for node in nodes for module in _modules(node, file)}
        found = {path for module in modules for path in self._files(module)}
        return sorted(path for path in found if (file, path) not in self.exempt)

    def _files(self, module: str) -> Iterator[str]:
        """The file of `module` and the non-empty `__init__.py` of every package around it."""
        parts = module.split(".")
        if parts[0] not in PACKAGES:
            return
        for length in range(1, len(parts) + 1):
            path = PurePosixPath(*parts[:length])
            for file in (path / "__init__.py", path.with_suffix(".py")):
                if self._is_code(file):
                    yield str(file)

    def _is_code(self, path: PurePosixPath) -> bool:
        file = self.root / path
        return file.is_file() and bool(file.read_bytes().strip())


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but the bodies of `if TYPE_CHECKING:`, which never run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for branch in node.orelse:
                yield branch
                yield from _executed(branch)
        else:
            yield node
            yield from _executed(node)


def _modules(node: ast.AST, file: str) -> list[str]:
    """The modules that one node imports. `from a import b` may mean the module `a.b`.

    A text that is the full name of a module counts: it is handed to `import_module` or `python -m`.
    """
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            base = _absolute(node, file)
            return [base, *(f"{base}.{alias.name}" for alias in node.names)]
        case ast.Constant(value=str(text)) if DOTTED.fullmatch(text):
            return [text]
    return []


def _absolute(node: ast.ImportFrom, file: str) -> str:
    if not node.level:
        return node.module or ""
    package = PurePosixPath(file).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def _refuse_dynamic(nodes: list[ast.AST], file: str) -> None:
    """Refuse every use of a name that runs code by name, unless it imports a module written out there."""
    plain = {id(node.func) for node in nodes if isinstance(node, ast.Call) and _names_module(node)}
    for node in nodes:
        if (
            isinstance(node, ast.alias | ast.Name | ast.Attribute)
            and id(node) not in plain
            and _runs_code(node)
        ):
            raise DynamicImportError(f"{file}:{node.lineno}: `{ast.unparse(node)}` hides which code is run")


def _names_module(call: ast.Call) -> bool:
    match call.args:
        case [ast.Constant(value=str())]:
            return _last_name(call.func) in BY_NAME
    return False


def _runs_code(node: ast.alias | ast.Name | ast.Attribute) -> bool:
    if isinstance(node, ast.alias):
        return node.asname is not None and node.name.rpartition(".")[2] in BY_NAME | RUNNERS
    # `model.eval()` is a method like any other; only the bare builtins run code.
    return _last_name(node) in BY_NAME | RUNNERS or (isinstance(node, ast.Name) and node.id in BUILTINS)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
