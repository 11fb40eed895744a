"""Names and documents use the words of the field; retired words and meaningless module names are refused.

Checked are the names of all tracked files, the public names of the library and the stages, and the text of
README, CONTRIBUTING, docs/ and the examples. The lists of exceptions are exact: an unused entry fails too.
"""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def spelled(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


NAMES = spelled("""
    apart ask asked asks backbone behind beside circumstances cure cures door doors facet facets honest
    honesty judge judged judges judging lineup lineups living looks mend mended mends mutation
    mutations people peoples promise promises rehearsal rehearse road roads room rooms said say says
    sealed settled strange stranger strike surroundings tell tells told trial trials unlike verb verbs
    vouch vouches waist walks
""")
"""Words that no file and no public name may hold."""

TEXT = re.compile(
    r"\b(?:apart|beside|boastful|by heart|circumstances|cures?|doors?|facets?|head_first|honest(?:ly)?|"
    r"judge(?:s|d)?|judge?ments?|judging|learned tokens|line[-_ ]?ups?|living|mend(?:s|ed|ing)?|mutations?|"
    r"promise[sd]?|rehearsal|roads?|rooms?|said|speaks?|strange|surroundings|told|unlike|verbs?|vouch(?:es)?|"
    r"waist)\b",
    re.IGNORECASE,
)
"""Words that no document may hold."""

SAY_NOTHING = frozenset({"common", "helper", "helpers", "lib", "misc", "shared", "stuff", "util", "utils"})
"""Module names from which nobody guesses the content (a folder may be called `shared`)."""

TEXT_USES: Mapping[str, frozenset[str]] = {}
"""Lines in which such a word is meant: file → lines."""

NOT_YET: Mapping[str, frozenset[str]] = {}
"""What is still to be renamed: package → public names. It may only shrink."""


def words(name: str) -> set[str]:
    """The lower-case words of a name in snake_case, CamelCase, kebab-case, or `line_up` written in two."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    found = [part.lower() for part in parts]
    return {*found, *(first + second for first, second in pairwise(found))}


def public_names(source: str) -> Iterator[str]:
    """Functions, classes and constants of a module, and the methods and attributes of its public classes."""
    for node in ast.parse(source).body:
        for name in defined(node):
            if not name.startswith("_"):
                yield name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            members = (name for inner in node.body for name in defined(inner))
            yield from (f"{node.name}.{name}" for name in members if not name.startswith("_"))


def defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        pytest.skip("this is no git checkout: tracked files are not known")
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def documents() -> list[str]:
    texts = [*ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")]
    return ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in texts)]


def retired_in_names() -> dict[str, set[str]]:
    """By package: the public names that hold a retired word."""
    found: dict[str, set[str]] = {}
    for path in sorted([*ROOT.glob("teacherspec/**/*.py"), *ROOT.glob("stages/*.py")]):
        parts = path.relative_to(ROOT).parts
        package = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
        for name in public_names(path.read_text(encoding="utf-8")):
            if words(name.split(".")[-1]) & NAMES:
                found.setdefault(package, set()).add(name)
    return found


def test_no_public_name_holds_a_retired_word() -> None:
    found = retired_in_names()
    new = {package: names - NOT_YET.get(package, set()) for package, names in found.items()}
    assert not {package: sorted(names) for package, names in new.items() if names}
    done = {package: sorted(names - found.get(package, set())) for package, names in NOT_YET.items()}
    assert not {package: names for package, names in done.items() if names}, "take these out of NOT_YET"


def test_no_file_name_holds_a_retired_word() -> None:
    assert [name for name in tracked() if words(name) & NAMES] == []


def test_module_names_say_something() -> None:
    assert [name for name in tracked() if name.endswith(".py") and Path(name).stem in SAY_NOTHING] == []


@pytest.mark.parametrize("name", documents())
def test_documents_hold_no_retired_word(name: str) -> None:
    lines = [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    found = {line for line in lines if TEXT.search(line)}
    allowed = TEXT_USES.get(name, frozenset())
    assert sorted(found - allowed) == []
    assert sorted(allowed - found) == [], "take these out of TEXT_USES"


@pytest.mark.parametrize(
    ("source", "retired"),
    [
        ("def room_of(file): ...", {"room_of"}),
        ("ROAD = 1", {"ROAD"}),
        ("class LineUp: ...", {"LineUp"}),
        ("line_up: int = 2", {"line_up"}),
        ("class Teacher:\n    def said(self): ...", {"Teacher.said"}),
        ("class Teacher:\n    beside: str", {"Teacher.beside"}),
        ("def _told(): ...\nclass _Road:\n    def said(self): ...", set()),
        ("def broadcast(): ...\nABROAD = 1\nclass Saying:\n    lines: int", set()),
    ],
)
def test_retired_words_are_found_in_public_names(source: str, retired: set[str]) -> None:
    assert {name for name in public_names(source) if words(name.split(".")[-1]) & NAMES} == retired


@pytest.mark.parametrize(
    "line", ["The road goes on.", "It lies beside the model.", "a line-up of ten", "Mended."]
)
def test_retired_words_are_found_in_text(line: str) -> None:
    assert TEXT.search(line)
    assert not TEXT.search("The pipeline's broadest abroad roadmap is amended.")
