"""Kinds of installed packages: found by entry points, imported only when they are used, refused by name."""

import json
import re
from typing import Any

import pytest

from tests.toys.plugin_packages import ROOT, install_example, run_with, write_package

BASIS = "from teacherspec.tasks.text_classification.task import TextClassification\n"
CLASS = BASIS + "from typing import Literal\nclass {0}(TextClassification):\n    kind: Literal[{1!r}]\n"

CHECKED = """
import json, sys
from pathlib import Path
from click.testing import CliRunner
from teacherspec.cli.main import main
from teacherspec.check.run import json_schema

def check(task):
    text = Path("params.yaml").read_text()
    start, end = text.index("task:"), text.index("prepare:")
    Path("edited.yaml").write_text(text[:start] + "task: " + json.dumps(task) + "\\n" + text[end:])
    return CliRunner().invoke(main, ["check", "edited.yaml"], catch_exceptions=False).output

found = {"text_classification": check({"kind": "text_classification"})}
found["imported"] = [name for name in sys.modules if name.startswith(("acme", "wrong"))]
for kind in ("ticket", "tickt", "gone", "function", "other_name", "abstract", "twice"):
    found[kind] = check({"kind": kind})
found["wrong type"] = check({"kind": "ticket", "max_length": "64"})
found["misspelt"] = check({"kind": "ticket", "max_lenght": 64})
found["schema"] = json_schema()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `check` prints with the example installed from its wheel, and with packages that are wrong."""
    place = tmp_path_factory.mktemp("plugins")
    library = install_example(place)
    write_package(library, "wrong-import", "gone = wrong_import:Gone", "import nothing_of_this_name\n")
    write_package(library, "wrong-object", "function = wrong_object:found", "def found(): ...\n")
    write_package(library, "wrong-name", "other_name = wrong_name:A", CLASS.format("A", "a"))
    abstract = (
        "from teacherspec.tasks.shared.interfaces.kind import Kind\nfrom typing import Literal\n"
        "class A(Kind):\n    kind: Literal['abstract']\n"
    )
    write_package(library, "wrong-abstract", "abstract = wrong_abstract:A", abstract)
    write_package(library, "wrong-one", "twice = wrong_one:A", CLASS.format("A", "twice"))
    write_package(library, "wrong-two", "twice = wrong_two:A", CLASS.format("A", "twice"))
    clash = CLASS.format("A", "text_classification")
    write_package(library, "wrong-clash", "text_classification = wrong_clash:A", clash, "2.5")
    text = (ROOT / "params.yaml").read_text()
    package = text[text.index("\npackage:\n") : text.index("\n  gates:\n")]
    (place / "params.yaml").write_text(text[: text.index("\nprobe:\n")] + f"\nprobe: {{}}\n{package}\n")
    return json.loads(run_with([library], CHECKED, place))


def test_an_installed_kind_is_checked_as_a_built_in_one(found: Any) -> None:
    assert "edited.yaml: ok (ticket)\n" in found["ticket"]
    assert re.match(
        r"edited.yaml:\d+:\d+: task.max_length: wrong type \(given the text \"64\"", found["wrong type"]
    )
    assert "task.max_lenght: unknown key" in found["misspelt"]
    assert "separator" in found["misspelt"]
    assert "did you mean max_length?" in found["misspelt"]


def test_an_unknown_kind_is_refused_with_built_in_and_installed_ones(found: Any) -> None:
    shown = found["tickt"]
    assert re.search(
        r"task.kind: unknown kind .*allowed causal_lm, .*, ticket, .*did you mean ticket\?", shown
    )


def test_a_package_that_does_not_import_stops_no_other_kind(found: Any) -> None:
    assert "edited.yaml: ok (text_classification)\n" in found["text_classification"]
    assert found["imported"] == []


@pytest.mark.parametrize(
    ("kind", "package", "why"),
    [
        ("gone", "wrong-import 1.0", r"cannot be imported \(ModuleNotFoundError: .*nothing_of_this_name"),
        ("function", "wrong-object 1.0", "is no class derived from teacherspec.tasks"),
        ("other_name", "wrong-name 1.0", r"declared for another kind \(given a; expected .*\"other_name\""),
        ("abstract", "wrong-abstract 1.0", r"lacks methods of a kind \(.*encode.*row_schema"),
        ("twice", "wrong-one 1.0 and wrong-two 1.0", "more than one package offers this kind"),
    ],
)
def test_a_wrong_package_is_refused_by_name(found: Any, kind: str, package: str, why: str) -> None:
    (line,) = found[kind].splitlines()[:1]
    assert re.match(rf"edited.yaml:\d+:\d+: task: kind {kind} of {package}: .*{why}", line)
    assert "Traceback" not in found[kind]


def test_a_kind_with_the_name_of_a_built_in_one_is_noted_and_not_used(found: Any) -> None:
    assert "kind text_classification of wrong-clash 2.5 is not used" in found["text_classification"]


def test_the_schema_has_the_section_of_an_installed_kind(found: Any) -> None:
    schema = found["schema"]
    kinds = schema["properties"]["task"]["discriminator"]["mapping"]
    assert kinds["ticket"] == "#/$defs/Ticket"
    assert {"gone", "abstract"}.isdisjoint(kinds)
    own = schema["$defs"]["Ticket"]
    assert (
        own["properties"]["separator"]["description"] == "Between subject and body, as the model reads them."
    )
    assert own["additionalProperties"] is False
    assert own["required"] == ["kind"]
