"""Packages that offer kinds of task: the example as a real wheel, and some that are wrong."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/own_kind"

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def install_example(place: Path) -> Path:
    """A folder with the example alone, whose wheel pip builds from a copy of it."""
    source, library = place / "source", place / "library"
    source.mkdir(parents=True)
    for name in ("pyproject.toml", "acme_tickets.py"):
        (source / name).write_text((EXAMPLE / name).read_text())
    options = ("--no-deps", "--no-build-isolation", "--target", str(library))
    subprocess.run([*PIP, "install", *options, str(source)], check=True)
    return library


def write_package(
    folder: Path, project: str, kinds: str, code: str = "", version: str = "1.0", requires: str = ""
) -> None:
    """An installed package as pip leaves it.

    Args:
        folder: on the path.
        project: its name; `-` is `_` in that of its module.
        kinds: lines of entry points.
        code: of its module.
        version: of it.
        requires: one requirement.
    """
    module = project.replace("-", "_")
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(code)
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requires}"] if requires else []
    (metadata / "METADATA").write_text("\n".join(lines) + "\n")
    (metadata / "entry_points.txt").write_text(f"[teacherspec.kinds]\n{kinds}\n")


def run_with(folders: list[Path], code: str, cwd: Path) -> str:
    """What a fresh Python prints that finds these folders on its path."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*folders, ROOT]))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
