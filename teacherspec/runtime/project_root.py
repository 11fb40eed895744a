"""The root of the DVC project that a folder belongs to.

A project has one `.dvc` and may hold several teachers, each a folder with its own declaration and pipeline.
"""

import os
from pathlib import Path

DVC = ".dvc"
OWN = Path("teacher.yaml")
"""What a teacher declares itself, where it extends a shared file."""


def project_root(folder: Path = Path()) -> Path:
    """The nearest folder that has `.dvc`, from `folder` up; `folder` itself without one. Absolute."""
    own = Path(os.path.normpath(folder.absolute()))
    return next((path for path in (own, *own.parents) if (path / DVC).is_dir()), own)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, is in the DVC project that `folder` belongs to."""
    return path.resolve().is_relative_to(project_root(folder).resolve())


def inherits(folder: Path) -> bool:
    """Whether the teacher in `folder` declares a part of itself in a shared file."""
    return (folder / OWN).is_file()
