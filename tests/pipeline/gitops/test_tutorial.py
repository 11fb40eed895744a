"""Every block of the tutorial runs, in its order, with the installed wheel; only the base is a toy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import ROOT
from tests.pipeline.gitops.test_own_repository import installed, run

__all__ = ["installed"]  # a fixture

pytestmark = pytest.mark.slow

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

TOY = """\
python - <<'TOY'
import re, sys
sys.path.insert(0, {root!r})
from pathlib import Path
import tests.toys.text as toys
from tests.pipeline.gitops.test_own_repository import use_toy_base
toys.FILLER = tuple(sorted(set(re.findall(r"\\w+|[^\\w\\s]+", Path("../tickets.csv").read_text()))))
use_toy_base(Path())
TOY
git add . && git commit -qm "A base of two layers"
"""


def script() -> str:
    """The blocks as one shell program; the base is replaced where the declaration is written."""
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    parts = ["set -e"]
    for language, code in BLOCK.findall(text):
        parts.append(code if language == "sh" else f"python - <<'BLOCK'\n{code}BLOCK\n")
        if "teacherspec init" in code:
            parts.append(TOY.format(root=str(ROOT)))
    return "\n".join(parts)


def test_the_tutorial_runs(installed: Path, tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, module in (("teacherspec", "-m teacherspec"), ("dvc", "-m dvc"), ("python", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (commands / name).chmod(0o755)
    (tmp_path / "work").mkdir()
    program = f'export PATH="{commands}:$PATH"\n{script()}'
    shown = run(tmp_path / "work", installed, "bash", "-c", program)
    assert re.search(r"student: \d\.\d{3} of \d+ test rows", shown)
    left = subprocess.run(
        ["git", "status", "--porcelain"],
        cwd=tmp_path / "work/tickets",
        capture_output=True,
        text=True,
        check=True,
    )
    assert left.stdout == ""


def test_the_tutorial_has_all_its_parts() -> None:
    """Negative control of the pattern: a block that it overlooks would not be run."""
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    assert text.count("\n```\n") == len(BLOCK.findall(text))
    assert script().count("teacherspec repro") == 2
