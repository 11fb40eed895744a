"""A smaller base: the first layers of a stack, as a folder of its own.

Dropping the top layers of a pre-trained encoder before fine-tuning keeps most of its quality, more than
dropping others (Sajjad et al. 2023, arXiv 2004.03844). The result is a base like any other: its files are
scanned, pinned and compared by every later stage.
"""

import json
import re
import shutil
import struct
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import is_weights
from teacherspec.model_files.safetensors_check import InvalidWeightsError, Tensor, read_header
from teacherspec.model_files.security_scan import INDEX
from teacherspec.model_files.sources.download_cache import fetch_once, hash_files
from teacherspec.runtime.atomic_io import read_json, write_json

DEPTH_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""Keys of `config.json` that state the number of layers, by architecture."""

OF_EACH_LAYER = ("layer_types",)
"""Keys of `config.json` with one entry a layer."""

NUMBERED = re.compile(r"(.*?)\.(\d+)\.")
"""The first number in the name of a tensor: the stack and the layer."""

COPIED_AT_ONCE = 1 << 22


def first_layers(folder: Path, layers: int, cache: Path) -> Path:
    """A folder in `cache` with the base's files and the first `layers` layers, made on first use.

    Args:
        folder: a base whose weights, if any, are safetensors.
        layers: how many are kept.
        cache: parent folder.

    Raises:
        BaseModelError: the base is no single stack of layers, or has no more than `layers` of them.
    """
    try:
        depth_key, depth = _depth(folder)
    except ValueError as error:
        raise BaseModelError(
            f"{folder / 'config.json'}: is not valid JSON ({error}); fetch it again"
        ) from error
    if layers >= depth:
        raise BaseModelError(
            f"{folder}: base.layers: keeps {layers} of {depth} layers; give fewer, or drop the key"
        )
    pin = {"layers": layers, "files": hash_files(folder)}
    try:
        return fetch_once(pin, cache, partial(_write, folder, depth_key, depth, layers))
    except InvalidWeightsError as error:
        raise BaseModelError(f"{folder}: base.layers: its weights: {error}") from error


def _depth(folder: Path) -> tuple[str, int]:
    """The key that states the number of layers, and this number."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    stated = [key for key in DEPTH_KEYS if type(config.get(key)) is int]
    if len(stated) != 1:
        raise BaseModelError(
            f"{folder / 'config.json'}: base.layers: states no number of layers ({', '.join(DEPTH_KEYS)}); "
            "only a base that is one stack of equal layers has first ones: drop the key"
        )
    return stated[0], int(config[stated[0]])


def _write(folder: Path, depth_key: str, depth: int, layers: int, target: Path) -> None:
    shards = {path.name: read_header(path) for path in sorted(folder.iterdir()) if is_weights(path.name)}
    stack = _stack(folder, [name for tensors in shards.values() for name in tensors], depth)
    kept = {
        file: {name: tensor for name, tensor in tensors.items() if _is_kept(name, stack, layers)}
        for file, tensors in shards.items()
    }
    kept = {file: tensors for file, tensors in kept.items() if tensors}
    for path in (path for path in sorted(folder.rglob("*")) if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in {*shards, INDEX, "config.json"}:
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target / name)
    config = read_json(folder / "config.json")
    lists = {key: config[key][:layers] for key in OF_EACH_LAYER if isinstance(config.get(key), list)}
    write_json(target / "config.json", {**config, **lists, depth_key: layers})
    for file, tensors in kept.items():
        _copy_tensors(folder / file, tensors, target / file)
    if (folder / INDEX).is_file():
        weight_map = {name: file for file, tensors in kept.items() for name in tensors}
        write_json(target / INDEX, {"metadata": {}, "weight_map": weight_map})


def _stack(folder: Path, names: list[str], depth: int) -> str:
    """What the names of the stack's tensors begin with: `encoder.layer`. Empty where there are no weights."""
    numbers: dict[str, set[int]] = {}
    for found in filter(None, map(NUMBERED.match, names)):
        numbers.setdefault(found[1], set()).add(int(found[2]))
    stacks = [stack for stack, found in numbers.items() if found == set(range(depth))]
    if names and len(stacks) != 1:
        raise BaseModelError(
            f"{folder}: base.layers: its weights hold {len(stacks)} stacks of {depth} layers; only a base "
            "that is one stack of equal layers has first ones: drop the key"
        )
    return stacks[0] if stacks else ""


def _is_kept(name: str, stack: str, layers: int) -> bool:
    found = NUMBERED.match(name)
    return found is None or found[1] != stack or int(found[2]) < layers


def _copy_tensors(source: Path, tensors: Mapping[str, Tensor], target: Path) -> None:
    """Write some tensors of a safetensors file as one of their own, in the same order, in bounded memory."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, tensor in tensors.items():
        size = tensor.end - tensor.begin
        offsets = [position, position + size]
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        position += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes, as the format recommends
    with source.open("rb") as given, target.open("xb") as made:
        made.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            given.seek(tensor.begin)
            left = tensor.end - tensor.begin
            while left > 0:
                part = given.read(min(left, COPIED_AT_ONCE))
                if not part:
                    raise BaseModelError(f"{source}: ends within a tensor; fetch it again")
                made.write(part)
                left -= len(part)
