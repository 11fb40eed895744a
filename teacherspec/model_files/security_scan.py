"""Checks whether a folder may be loaded: every file known, every byte accounted for, nothing executed.

Untrusted files are read with numpy and the standard library only, in bounded memory, and all problems are
reported at once. What cannot be checked without building the model is left to `base/sandboxed_load.py`.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.errors import BaseModelError
from teacherspec.model_files import allowed_files, config_checks
from teacherspec.model_files.safetensors_check import (
    LFS_POINTER,
    InvalidWeightsError,
    Tensor,
    not_finite,
    read_header,
)
from teacherspec.model_files.tokenizer_checks import growing_texts
from teacherspec.runtime.dvc_links import is_dvc_link

FILES_LIMIT = 2_000
"""Most entries of a base folder; the largest public bases have about 200 shards."""

PROBLEMS_SHOWN = 20
TEXT_LIMIT_BYTES = 256_000_000
"""Largest tokenizer or text file accepted."""

TOKENIZER = "tokenizer.json"
TOKENIZER_LIMIT_BYTES = 100_000_000
"""Largest vocabulary accepted; those of 256,000 tokens have about 35 million bytes."""

INDEX = "model.safetensors.index.json"
SETTINGS = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
)


@dataclass(frozen=True)
class Contents:
    """A folder that passed the scan.

    Attributes:
        files: names relative to the folder, sorted.
        config: `config.json`.
        tensors: every tensor of every shard, by name.
    """

    files: tuple[str, ...]
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def check_folder(folder: Path, weights_needed: bool = True) -> Contents:
    """Check a base folder without loading it.

    Args:
        folder: the base.
        weights_needed: whether a folder without any weights is refused.

    Raises:
        BaseModelError: with every problem found, one a line, at most `PROBLEMS_SHOWN` of them.
    """
    problems: list[str] = []
    files = list_files(folder, problems)
    config = _check_settings(folder, files, problems)
    with_weights = weights_needed or any(map(allowed_files.is_weights, files))
    tensors = _check_weights(folder, files, problems) if with_weights else {}
    if not problems and with_weights:
        impossible = config_checks.impossible_sizes(config, tensors.values())
        problems += [f"{folder / 'config.json'}: {text}" for text in impossible]
    if problems:
        shown = problems[:PROBLEMS_SHOWN]
        left = len(problems) - len(shown)
        raise BaseModelError([*shown, f"{folder}: {left} more problems like these"] if left else shown)
    return Contents(tuple(files), config, tensors)


def list_files(folder: Path, problems: list[str]) -> list[str]:
    """Names of the allowed files, relative and sorted; all other entries are added to `problems`."""
    if not folder.is_dir():
        problems.append(f"{folder}: no such folder; give the folder that contains `config.json`")
        return []
    found: list[str] = []
    for count, path in enumerate(_entries(folder)):
        if count == FILES_LIMIT:
            problems.append(f"{folder}: more than {FILES_LIMIT} entries; a base has far fewer")
            break
        name = path.relative_to(folder).as_posix()
        refusal = _refusal(path, name, folder)
        if refusal is None:
            found.append(name)
        else:
            problems.append(f"{path}: {refusal}")
    return sorted(found)


def _entries(folder: Path) -> Iterator[Path]:
    """Entries of the folder and of the few folders allowed inside it, in the order of their names."""
    for path in sorted(folder.iterdir()):
        if path.name in allowed_files.FOLDERS and path.is_dir() and not path.is_symlink():
            yield from sorted(path.iterdir())
        else:
            yield path


def _refusal(path: Path, name: str, folder: Path) -> str | None:
    """Why an entry may not be there, by its type, name and size."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        if not (_inside_cache(path, folder) or is_dvc_link(path)):
            return f"is a link to {path.readlink()}; put the file itself there"
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        return "is a folder; a base is one folder of files; remove it"
    if not stat.S_ISREG(status.st_mode):
        return "is a pipe, socket or device, not a file; remove it"
    if not allowed_files.is_allowed(name):
        return allowed_files.why_refused(name)
    if status.st_size == 0:
        return "is empty; fetch it again"
    if not allowed_files.is_weights(name) and status.st_size > TEXT_LIMIT_BYTES:
        return f"has {status.st_size} bytes; a text file of a base has at most {TEXT_LIMIT_BYTES}"
    return None


def _inside_cache(path: Path, folder: Path) -> bool:
    """Whether a link stays within the blobs of the Hugging Face cache whose snapshot `folder` is."""
    blobs = folder.resolve().parent.parent / "blobs"
    return folder.resolve().parent.name == "snapshots" and path.resolve().parent == blobs and path.is_file()


def _check_settings(folder: Path, files: list[str], problems: list[str]) -> dict[str, Any]:
    """Check every JSON file of settings; return `config.json`, empty where it cannot be read."""
    if "config.json" not in files:
        _note_missing(folder / "config.json", "the folder contains no model that can be loaded", problems)
    checks: dict[str, tuple[Callable[[Mapping[str, Any]], Iterator[str]], ...]] = {
        "config.json": (config_checks.refused_keys, config_checks.unexpected_texts),
        "tokenizer_config.json": (config_checks.refused_keys, config_checks.tokenizer_files),
    }
    config: dict[str, Any] = {}
    for name in sorted(set(SETTINGS).intersection(files)):
        path = folder / name
        try:
            settings = config_checks.read_json_object(path)
            found = [
                text for check in checks.get(name, (config_checks.refused_keys,)) for text in check(settings)
            ]
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        problems += [f"{path}: {text}" for text in found]
        if name == "config.json":
            config = settings
    if TOKENIZER in files:
        try:
            grown = growing_texts(config_checks.read_json_object(folder / TOKENIZER, TOKENIZER_LIMIT_BYTES))
            problems += [f"{folder / TOKENIZER}: {text}" for text in grown]
        except ValueError as error:
            problems.append(f"{folder / TOKENIZER}: {error}")
    for name in sorted(set(files).difference({*SETTINGS, TOKENIZER})):
        with (folder / name).open("rb") as file:
            if not allowed_files.is_weights(name) and file.read(len(LFS_POINTER)) == LFS_POINTER:
                problems.append(f"{folder / name}: is a Git LFS pointer, not the file; run `git lfs pull`")
    return config


def _note_missing(path: Path, consequence: str, problems: list[str]) -> None:
    """Add a problem unless an entry of that name, or its folder, was already refused for itself."""
    if path.parent.is_dir() and not os.path.lexists(path):
        problems.append(f"{path}: missing; {consequence}")


def _check_weights(folder: Path, files: list[str], problems: list[str]) -> dict[str, Tensor]:
    """Check headers, the index and every value; return all tensors by name."""
    shards: dict[str, dict[str, Tensor]] = {}
    weights = [name for name in files if allowed_files.is_weights(name)]
    for name in weights:
        path = folder / name
        try:
            shards[name] = read_header(path)
        except InvalidWeightsError as error:
            problems.append(f"{path}: {error}")
            continue
        problems += [
            f"{path}: tensor `{tensor}` contains NaN or an infinity; the base is damaged, fetch it again"
            for tensor in not_finite(path, shards[name])
        ]
    if len(shards) == len(weights):
        single = not shards or list(shards) == ["model.safetensors"]
        if single and INDEX not in files:
            if not shards:
                _note_missing(folder / "model.safetensors", "a base needs safetensors weights", problems)
        else:
            problems += [f"{folder / INDEX}: {text}" for text in _index_problems(folder, files, shards)]
    return {name: tensor for shard in shards.values() for name, tensor in shard.items()}


def _index_problems(
    folder: Path, files: list[str], shards: Mapping[str, Mapping[str, Tensor]]
) -> Iterator[str]:
    """Disagreements between the index and the shards."""
    if INDEX not in files:
        yield f"missing; it must list which of {len(shards)} shards contains which tensor"
        return
    try:
        index = config_checks.read_json_object(folder / INDEX)
    except ValueError as error:
        yield str(error)
        return
    named = index.get("weight_map")
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        yield "`weight_map` does not map names of tensors to names of files"
        return
    for name in sorted(set(named.values()) - set(shards)):
        yield f"names {name!r}, which is not a weights file of this folder"
    for name in sorted(set(shards) - set(named.values())):
        yield f"does not name `{name}`; remove that file or correct the index"
    in_shards = {tensor: name for name, shard in shards.items() for tensor in shard}
    if sum(map(len, shards.values())) != len(in_shards):
        yield "two shards contain a tensor of the same name"
    for tensor, name in named.items():
        if name in shards and tensor not in shards[name]:
            yield f"lists tensor {tensor[:100]!r} in {name!r}, which does not contain it"
    for tensor in sorted(set(in_shards) - set(named)):
        yield f"does not name tensor `{tensor}` of `{in_shards[tensor]}`"
