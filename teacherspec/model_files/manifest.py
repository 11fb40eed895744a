"""The base as its manifest names it: how it was declared, and its files, every byte verified.

The manifest is in git and contains no measured number, so stages that depend on it are stale only when the
base changes: they read it instead of `params.yaml: base`, where several candidates may be declared.
`base/pin.py` writes it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import FOLDERS
from teacherspec.model_files.first_layers import first_layers
from teacherspec.model_files.sources.registry import fetch
from teacherspec.runtime.atomic_io import read_json, sha256_file
from teacherspec.runtime.progress import with_progress
from teacherspec.spec.base import Base

CACHE = Path(".scratch/base")
MB = 1_000_000
"""Where downloaded bases are, relative to the repository."""


def pinned_base(manifest: Path) -> Base:
    """The base that the manifest pins, as it was declared.

    Args:
        manifest: `reports/base/manifest.json`.

    Raises:
        BaseModelError: there is no manifest, or none that this version wrote.
    """
    contents = _read(manifest)
    declared = {name: contents[name] for name in Base.model_fields if name in contents}
    try:
        return Base.model_validate_json(json.dumps(declared))
    except ValidationError as error:
        raise BaseModelError(f"{manifest}: is no manifest of a base; run the stage `base` again") from error


def open_base(manifest: Path, cache: Path = CACHE) -> Path:
    """A local folder whose files are those of the manifest, every byte verified now.

    Args:
        manifest: `reports/base/manifest.json`.
        cache: where downloaded bases are.

    Raises:
        BaseModelError: there is no manifest, or a file is missing, added or changed.
    """
    base = pinned_base(manifest)
    folder = fetch(base.source, cache)
    if base.layers is not None:
        folder = first_layers(folder, base.layers, cache)
    problems = [
        f"{folder / name}: {state}, {manifest} expects {wanted}; restore it, or run the stage `base` again"
        for name, wanted, state in _differences(folder, _read(manifest)["files"])
    ]
    if problems:
        raise BaseModelError(problems)
    return folder


def _read(manifest: Path) -> dict[str, Any]:
    if not manifest.is_file():
        raise BaseModelError(f"{manifest}: not found; run the stage `base` first")
    contents: dict[str, Any] = read_json(manifest)
    return contents


def _differences(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """`(name, what is expected, what is wrong)` of every file that differs from the manifest."""
    found: list[tuple[str, str, str]] = []
    total = sum(entry["bytes"] for entry in files.values()) / MB
    entries = with_progress(
        sorted(files.items()), "checking the base", total, lambda one: one[1]["bytes"] / MB, "MB"
    )
    for name, entry in entries:
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
