"""The files of a base as its manifest lists them, on this machine or another, every byte verified.

The manifest is in git and contains no measured number, so stages that depend on it are stale only when the
base changes. `base/pin.py` writes it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import FOLDERS
from teacherspec.model_files.sources.registry import fetch
from teacherspec.runtime.atomic_io import read_json, sha256_file
from teacherspec.spec.base import Base

CACHE = Path(".scratch/base")
"""Where downloaded bases are, relative to the repository."""


def open_base(base: Base, manifest: Path, cache: Path = CACHE) -> Path:
    """A local folder whose files are those of the manifest, every byte verified now.

    Args:
        base: the declared base.
        manifest: `reports/base/manifest.json`.
        cache: where downloaded bases are.

    Raises:
        BaseModelError: there is no manifest, it is of another base, or a file is missing, added or changed.
    """
    if not manifest.is_file():
        raise BaseModelError(f"{manifest}: not found; run the stage `base` first")
    expected = read_json(manifest)
    if expected["source"] != base.source.model_dump():
        raise BaseModelError(f"{manifest}: written for another base.source; run the stage `base` again")
    folder = fetch(base.source, cache)
    problems = [
        f"{folder / name}: {state}, {manifest} expects {wanted}; restore it, or run the stage `base` again"
        for name, wanted, state in _differences(folder, expected["files"])
    ]
    if problems:
        raise BaseModelError(problems)
    return folder


def _differences(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """`(name, what is expected, what is wrong)` of every file that differs from the manifest."""
    found: list[tuple[str, str, str]] = []
    for name, entry in sorted(files.items()):
        path = folder / name
        if not path.is_file():
            found.append((name, f"sha256 {entry['sha256'][:12]}…", "is missing"))
        elif sha256_file(path) != entry["sha256"]:
            found.append((name, f"sha256 {entry['sha256'][:12]}…", "has changed"))
    return found + [(name, "no such file", "is new") for name in sorted(_names(folder) - set(files))]


def _names(folder: Path) -> set[str]:
    inner = [folder / name for name in FOLDERS if (folder / name).is_dir()]
    paths = [path for parent in [folder, *inner] for path in parent.iterdir() if path not in inner]
    return {path.relative_to(folder).as_posix() for path in paths}
