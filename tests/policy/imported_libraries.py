"""Which pinned libraries a file of the project imports."""

import ast
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

known_distributions = cache(packages_distributions)


@cache
def distributions_of(file: Path) -> frozenset[str]:
    """Distributions that a file imports, wherever in it, but for a type checker; a template needs jinja2."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    known = known_distributions()
    # A library that is not installed here (bitsandbytes without a GPU) is named as it is imported.
    names = {name for module in found for name in known.get(module, (module,))}
    return frozenset(normalized(name) for name in names)


@cache
def group_of_each_pin(root: Path) -> dict[str, str]:
    """Distribution → the group of `pyproject.toml` that pins it."""
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    return {
        normalized(pin.partition("==")[0].partition("[")[0]): group
        for group, pins in groups.items()
        for pin in pins
    }


def normalized(name: str) -> str:
    """A distribution's name as packaging compares it."""
    return name.lower().replace("_", "-")
