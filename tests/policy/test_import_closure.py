"""The checks of the road see every import, and say exactly what to mend."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.road.closure import DynamicImportError, Project
from teacherspec.road.links import real_code, write_links, wrong_links
from teacherspec.road.stages import differences, read_stages, sections_read
from tests.policy.example import ROAD, write, write_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path)
    return tmp_path


def missing(root: Path, stage: str) -> set[str]:
    """The files that `stage` runs and has no link to; no other link may be wrong."""
    lines = [line.partition(": must be a link to ") for line in wrong_links(root)]
    assert all(link.startswith(f"code/{stage}/") for link, _, _ in lines), lines
    return {file for _, _, file in lines}


def test_a_road_that_is_right_has_no_differences(root: Path) -> None:
    assert differences(root) == []
    assert wrong_links(root) == []


def test_a_stage_has_links_to_the_files_that_it_runs(root: Path) -> None:
    assert links(root, "boil").keys() == {
        "stages.boil",
        "teacherspec.spec.section",
        "teacherspec.tasks.__init__",
        "teacherspec.water.kettle",
        "teacherspec.water.steam",
    }
    assert links(root, "pour") == {
        "stages.pour": (root / "stages/pour.py").read_text(),
        "teacherspec.cup": "import json\n",
    }


def test_sections_are_the_fields_of_the_doors_section(root: Path) -> None:
    (boil, pour) = read_stages(root)
    assert sections_read(root, boil.door) == boil.sections == {"task", "boil"}
    assert boil.door == "stages/boil.py"
    assert pour.sections == {"pour"}


@pytest.mark.parametrize(
    "statement",
    [
        "import teacherspec.spoon",
        "import teacherspec.spoon as thing",
        "from teacherspec import spoon",
        "from teacherspec.spoon import x",
        "from . import spoon",
        "from .spoon import x",
        "def f():\n    from teacherspec import spoon",
        "class A:\n    def f(self):\n        if True:\n            import teacherspec.spoon",
        "try:\n    import json\nexcept ImportError:\n    import teacherspec.spoon",
        "from importlib import import_module\nimport_module('teacherspec.spoon')",
        "import importlib\nimportlib.import_module('teacherspec.spoon')",
        "__import__('teacherspec.spoon')",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'teacherspec.spoon'])",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import teacherspec.spoon",
    ],
)
def test_every_form_of_import_counts(root: Path, statement: str) -> None:
    write(root, "teacherspec/cup.py", statement + "\n")
    assert wrong_links(root) == ["code/pour/teacherspec.spoon: must be a link to teacherspec/spoon.py"]


@pytest.mark.parametrize(
    "statement",
    [
        "from importlib import import_module\nimport_module(name)",
        "from importlib import import_module as load\nload('teacherspec.spoon')",
        "import importlib\nlist(map(importlib.import_module, names))",
        "__import__(name)",
        "exec('import teacherspec.spoon')",
        "eval(text)",
        "import runpy\nrunpy.run_path(path)",
        "import importlib.util\nimportlib.util.spec_from_file_location('a', path)",
    ],
)
def test_imports_that_only_run_time_knows_are_refused(root: Path, statement: str) -> None:
    write(root, "teacherspec/cup.py", statement + "\n")
    with pytest.raises(DynamicImportError, match=r"teacherspec/cup\.py:\d+: .* hides which code is run"):
        wrong_links(root)


def test_a_package_that_is_no_longer_empty_counts(root: Path) -> None:
    write(root, "teacherspec/water/__init__.py", "x = 1\n")
    assert missing(root, "boil") == {"teacherspec/water/__init__.py"}


def test_a_file_that_the_code_opens_by_name_counts(root: Path) -> None:
    write(root, "teacherspec/page.html.j2", "<p>")
    write(root, "teacherspec/cup.py", "from pathlib import Path\nPath(__file__).with_name('page.html.j2')\n")
    assert missing(root, "pour") == {"teacherspec/page.html.j2"}
    write_links(root)
    assert wrong_links(root) == []


@pytest.mark.parametrize("verb", ["{% include 'part.html.j2' %}", '{%- extends "part.html.j2" -%}'])
def test_a_template_brings_the_templates_it_includes(root: Path, verb: str) -> None:
    write(root, "teacherspec/page.html.j2", f"<p>{verb}")
    write(root, "teacherspec/part.html.j2", "<b>")
    write(root, "teacherspec/cup.py", "from pathlib import Path\nPath(__file__).with_name('page.html.j2')\n")
    assert missing(root, "pour") == {"teacherspec/page.html.j2", "teacherspec/part.html.j2"}


def test_a_new_kind_of_task_changes_no_stage(root: Path) -> None:
    write(root, "teacherspec/tasks/juice.py", 'kind: Literal["juice"]\n')
    write(root, "teacherspec/tasks/__init__.py", "from teacherspec.tasks import coffee, juice, tea\n")
    assert missing(root, "juice") == {"teacherspec/tasks/juice.py"}


def links(root: Path, folder: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "code" / folder).iterdir()}


def test_code_of_one_kind_is_linked_for_that_kind_alone(root: Path) -> None:
    assert links(root, "coffee").keys() == {"teacherspec.tasks.coffee", "teacherspec.tasks.beans"}
    assert links(root, "tea") == {"teacherspec.tasks.tea": 'kind: Literal["tea"]\n'}
    assert wrong_links(root) == []


def test_code_that_kinds_share_is_linked_for_each(root: Path) -> None:
    write(root, "teacherspec/tasks/tea.py", 'import teacherspec.tasks.beans\nkind: Literal["tea"]\n')
    write_links(root)
    assert "teacherspec.tasks.beans" in links(root, "tea").keys() & links(root, "coffee").keys()
    assert differences(root) == []


def test_code_that_every_stage_runs_is_not_linked_for_a_kind(root: Path) -> None:
    write(root, "teacherspec/water/kettle.py", "from teacherspec.tasks import beans\n")
    write_links(root)
    assert "teacherspec.tasks.beans" in links(root, "boil")
    assert links(root, "coffee").keys() == {"teacherspec.tasks.coffee"}


def test_links_that_are_wrong_are_named_and_mended(root: Path) -> None:
    beans = root / "code/coffee/teacherspec.tasks.beans"
    beans.unlink()
    beans.write_text("a copy, which grows stale")
    (root / "code/tea/teacherspec.tasks.beans").symlink_to("../../teacherspec/tasks/beans.py")
    assert wrong_links(root) == [
        "code/coffee/teacherspec.tasks.beans: must be a link to teacherspec/tasks/beans.py",
        "code/tea/teacherspec.tasks.beans: leads to code that is not run",
    ]
    write_links(root)
    assert wrong_links(root) == []


def test_exempt_imports_are_not_followed(root: Path) -> None:
    write(root, "teacherspec/cup.py", "import teacherspec.spoon\n")
    exempt = frozenset({("teacherspec/cup.py", "teacherspec/spoon.py")})
    assert Project(root, exempt=exempt).closure("stages/pour.py") == {"stages/pour.py", "teacherspec/cup.py"}
    assert "teacherspec/spoon.py" in real_code(root, "stages/pour.py")


@pytest.mark.parametrize(
    "link", sorted(Path("code/boil", name) for name in ("stages.boil", "teacherspec.water.steam"))
)
def test_a_dropped_link_is_found_and_put_back(root: Path, link: Path) -> None:
    target = (root / link).readlink()
    (root / link).unlink()
    (line,) = wrong_links(root)
    assert line.startswith(f"{link}: must be a link to ")
    write_links(root)
    assert (root / link).readlink() == target


@pytest.mark.parametrize("line", ["code/boil", "code/${task.kind}", "code/pour"])
def test_a_dropped_folder_is_found(root: Path, line: str) -> None:
    write(root, "dvc.yaml", ROAD.replace(f"      - {line}\n", "", 1))
    (difference,) = differences(root)
    assert (difference.missing, difference.extra) == ((line,), ())


def test_code_beside_the_folder_of_links_is_too_much(root: Path) -> None:
    more = "      - code/pour\n      - teacherspec/spoon.py\n      - code/tea\n"
    write(root, "dvc.yaml", ROAD.replace("      - code/pour\n", more))
    (difference,) = differences(root)
    assert (difference.missing, difference.extra) == ((), ("code/tea", "teacherspec/spoon.py"))


def test_the_command_shows_differences_and_mends_links(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (root / "code/pour/teacherspec.cup").rename(root / "code/pour/teacherspec.mug")
    shown = CliRunner().invoke(main, ["deps"])
    assert shown.exit_code == 1
    for line in ("teacherspec.cup: must be a link to teacherspec/cup.py", "teacherspec.mug: leads to code"):
        assert f"code/pour/{line}" in shown.stderr
    assert CliRunner().invoke(main, ["deps", "--write"]).exit_code == 0
    assert links(root, "pour").keys() == {"stages.pour", "teacherspec.cup"}
    assert CliRunner().invoke(main, ["deps"]).exit_code == 0
    write(root, "dvc.yaml", ROAD.replace("- code/pour", "- teacherspec/cup.py"))
    for arguments in (["deps"], ["deps", "--write"]):  # what a stage depends on is a person's to write
        shown = CliRunner().invoke(main, arguments)
        assert shown.exit_code == 1
        assert "stages.pour.deps:\n  add     - code/pour\n  remove  - teacherspec/cup.py\n" in shown.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("python -m stages.pour", "python stages/pour.py", "runs no door"),
    ],
)
def test_a_road_that_cannot_be_checked_is_refused(root: Path, old: str, new: str, words: str) -> None:
    assert old in ROAD
    write(root, "dvc.yaml", ROAD.replace(old, new))
    with pytest.raises(UserError, match=words):
        read_stages(root)
