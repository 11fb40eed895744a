"""A small project with a road of its own, to show what the checks of the real one find."""

from pathlib import Path
from textwrap import dedent

from teacherspec.road.links import write_links

FILES = {
    "stages/__init__.py": "",
    "stages/boil.py": """\
        from teacherspec.spec.section import Section
        from teacherspec.tasks import Task
        from teacherspec.water import kettle

        class Declared(Section):
            task: Task
            boil: int
        """,
    "stages/pour.py": """\
        from teacherspec import cup

        class Declared(Section):
            pour: int
        """,
    "teacherspec/__init__.py": "",
    "teacherspec/spec/section.py": "class Section: ...\n",
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
    "teacherspec/water/steam.py": "from ..tasks.tea import Tea\n",
    "teacherspec/tasks/__init__.py": "from teacherspec.tasks import coffee, tea\n",
    "teacherspec/tasks/tea.py": 'kind: Literal["tea"]\n',
    "teacherspec/tasks/coffee.py": 'from teacherspec.tasks import beans\nkind: Literal["coffee"]\n',
    "teacherspec/tasks/beans.py": "x = 1\n",
}

ROAD = """\
# The road.
stages:
  boil:
    cmd: python -m stages.boil data/water artifacts/boil
    deps:
      - data/water  # from the tap
      - code/boil
      - code/${task.kind}
    params: [task, boil, {pyproject.toml: [dependency-groups.model]}]
    outs:
      - artifacts/boil
  pour:
    cmd: python -m stages.pour artifacts/boil
    deps:
      - artifacts/boil
      - code/pour
    params:
      - pour
"""


def write_project(root: Path) -> None:
    """Write the project, whose road is right, into `root`."""
    for name, text in FILES.items():
        write(root, name, text)
    write(root, "dvc.yaml", ROAD)
    write_links(root)


def write(root: Path, name: str, text: str) -> None:
    """Write one file, with the indentation of this module's texts taken off."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text))
