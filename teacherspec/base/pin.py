"""The manifest of a base: its source, its licence and the SHA-256 of every file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.errors import BaseModelError
from teacherspec.runtime.atomic_io import encode_json, sha256_bytes, sha256_file
from teacherspec.spec.base import Base

FRONT_MATTER_BYTES = 65_536


def pin(
    base: Base,
    folder: Path,
    files: tuple[str, ...],
    config: Mapping[str, Any],
    gguf: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest of a folder that passed the security scan.

    Args:
        base: the declared base.
        folder: its files.
        files: their names relative to `folder`.
        config: the parsed `config.json`.
        gguf: the file that the folder was converted from, as `gguf.convert.describe` has it.

    Raises:
        BaseModelError: a declared hash differs, or the files state another licence.
    """
    paths = {name: folder / name for name in files}
    entries = {
        name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for name, path in paths.items()
    }
    declared = {**entries, **({gguf["file"]: gguf} if gguf else {})}
    problems = [*_hash_problems(base, folder, declared), *_license_problems(base, folder, gguf)]
    if problems:
        raise BaseModelError(problems)
    return {
        **base.model_dump(mode="json", exclude={"sha256"}, exclude_none=True),
        "source": base.source.pin(),
        "architecture": config.get("model_type", ""),
        "architectures": config.get("architectures") or [],
        **({"gguf": dict(gguf)} if gguf else {}),
        "files": entries,
        "digest": sha256_bytes(encode_json(entries).encode()),
    }


def _hash_problems(base: Base, folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    problems: list[str] = []
    for name, wanted in sorted((base.sha256 or {}).items()):
        if name not in entries:
            files = ", ".join(sorted(entries))
            problems.append(f"base.sha256.{name}: no such file in {folder}; its files are {files}")
        elif entries[name]["sha256"] != wanted:
            given = entries[name]["sha256"]
            problems.append(
                f"{folder / name}: has sha256 {given}, base.sha256 expects {wanted}; fetch it again"
            )
    return problems


def _license_problems(base: Base, folder: Path, gguf: Mapping[str, Any] | None) -> list[str]:
    stated = stated_licenses(folder, gguf)
    place = folder / "README.md"
    if gguf and not place.is_file():
        place = Path(gguf["file"])
    if not stated or base.license.casefold() in {name.casefold() for name in stated}:
        return []
    given = f"states licence {' or '.join(stated)}, base.license declares {base.license}"
    return [f"{place}: {given}; read the licence and declare the one that applies"]


def stated_licenses(folder: Path, gguf: Mapping[str, Any] | None = None) -> list[str]:
    """Licences that the front matter of the base's README names, else its GGUF; empty where none does."""
    readme = folder / "README.md"
    if not readme.is_file():
        stated = gguf and gguf["license"]
        return [stated[:64]] if isinstance(stated, str) else []
    with readme.open("rb") as file:
        text = file.read(FRONT_MATTER_BYTES).decode("utf-8", errors="replace")
    front = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    if front is None:
        return []
    given = re.search(r"^license:[ \t]*(\S.*)?((?:\r?\n[ \t]*-[ \t]+\S+)*)", front[1], re.MULTILINE)
    named = re.search(r"^license_name:[ \t]*(\S+)", front[1], re.MULTILINE)
    if given is None:
        return []
    found = re.findall(r"[A-Za-z0-9][A-Za-z0-9.+-]*", f"{given[1] or ''} {given[2]}")
    return [named[1] if named and name == "other" else name for name in found]
