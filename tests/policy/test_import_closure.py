"""The closure of imports, on which the checks of `dvc.yaml` rest, sees every form of import."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.policy.import_closure import DynamicImportError, Project

FILES = {
    "stages/__init__.py": "",
    "stages/boil.py": "from teacherspec.water import kettle\n",
    "stages/pour.py": "from teacherspec import cup\n",
    "teacherspec/__init__.py": "",
    "teacherspec/cup.py": "import json\n",
    "teacherspec/spoon.py": "import json\n",
    "teacherspec/water/__init__.py": "",
    "teacherspec/water/kettle.py": """\
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from teacherspec import cup

        def heat(model):
            from . import steam
            model.eval()
        """,
    "teacherspec/water/steam.py": "from ..tea import leaves\n",
    "teacherspec/tea/__init__.py": "",
    "teacherspec/tea/leaves.py": "x = 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(dedent(text))


def test_imports_are_followed_to_the_end(root: Path) -> None:
    assert Project(root).closure("stages/boil.py") == {
        "stages/boil.py",
        "teacherspec/water/kettle.py",
        "teacherspec/water/steam.py",
        "teacherspec/tea/leaves.py",
    }


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
    assert "teacherspec/spoon.py" in Project(root).closure("stages/pour.py")


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
def test_imports_that_are_known_only_at_run_time_are_refused(root: Path, statement: str) -> None:
    write(root, "teacherspec/cup.py", statement + "\n")
    with pytest.raises(DynamicImportError, match=r"teacherspec/cup\.py:\d+: .* hides which code is run"):
        Project(root).closure("stages/pour.py")


def test_a_package_file_that_is_not_empty_counts(root: Path) -> None:
    write(root, "teacherspec/water/__init__.py", "x = 1\n")
    assert "teacherspec/water/__init__.py" in Project(root).closure("stages/boil.py")


def test_exempt_imports_are_not_followed(root: Path) -> None:
    write(root, "teacherspec/cup.py", "import teacherspec.spoon\n")
    exempt = frozenset({("teacherspec/cup.py", "teacherspec/spoon.py")})
    assert Project(root, exempt=exempt).closure("stages/pour.py") == {"stages/pour.py", "teacherspec/cup.py"}
    assert "teacherspec/spoon.py" in Project(root).closure("stages/pour.py")
