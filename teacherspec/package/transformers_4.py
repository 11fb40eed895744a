"""What transformers 4.57 reads of a model that version 5 wrote: keys of its config, names of its tensors.

Version 5 writes other keys and sometimes other names: without `rope_theta` version 4 silently computes with
another one, and without the names it knows it draws tensors at random with no more than a warning.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from teacherspec.model_files.allowed_files import is_weights
from teacherspec.runtime.atomic_io import read_json, replacing, write_json

OLDEST_TESTED = "4.57.6"

_TESTED_NAMES = """
albert altclip altclip_text_model altclip_vision_model beit bert bit bloom camembert chinese_clip
chinese_clip_text_model chinese_clip_vision_model clip clip_text_model clip_vision_model cohere
convnext convnextv2 data2vec-vision deberta-v2 deit dinov2 dinov2_with_registers distilbert
efficientnet electra falcon focalnet gemma gemma2 gemma3_text gpt2 gpt_neox granite llama llava
llava_next mamba metaclip_2 metaclip_2_text_model metaclip_2_vision_model mistral mixtral
mobilenet_v1 mobilenet_v2 mobilevit modernbert mpnet olmo2 opt phi phi3 poolformer pvt_v2 qwen2
qwen2_moe qwen3 qwen3_moe regnet resnet roberta segformer siglip siglip_text_model
siglip_vision_model smollm3 stablelm starcoder2 swin swinv2 vipllava vision-text-dual-encoder vit
vit_msn xlm-roberta xlnet
"""
TESTED = frozenset(_TESTED_NAMES.split())
"""Architectures, parts included, whose packages `make test-clients` reads with 4.57.6: the same logits."""

ROPE_BY_LAYER = {
    "modernbert": {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"},
    "gemma3_text": {"full_attention": "rope_theta", "sliding_attention": "rope_local_base_freq"},
}
"""Architecture → kind of layer → key of its rotary base in version 4."""

OTHER_NAMES = {
    "qwen3_moe": {"num_experts": "num_local_experts"},
    "vipllava": {"vision_feature_layers": "vision_feature_layer"},
}
"""Architecture → key in version 4 → the same key in version 5."""

NESTED_TOWERS = ("clip_vision_model", "siglip_vision_model")
_TOWER = (re.compile(r"^((?:model\.)?vision_tower\.)(?!vision_model\.)"), r"\1vision_model.")
RENAMED = {
    "altclip": (re.compile(r"^(vision_model\.encoder\.)layer\."), r"\1layers."),
    "vit_msn": (re.compile(r"^(?!vit\.|classifier\.)"), "vit."),
    "llava": _TOWER,
    "llava_next": _TOWER,
    "vipllava": _TOWER,
}
"""Architecture → names that version 5 writes and 4 does not know, and what both read instead."""


def least_version(config: Mapping[str, Any]) -> str:
    """The oldest version of transformers that is known to compute the packaged logits.

    4.57.6 where the package's keys and names are tested with it; else the version that packages, whose golden
    rows are computed.

    Args:
        config: `config.json` of the package.
    """
    parts = list(_parts(config))
    types = {part["model_type"] for part in parts if "model_type" in part}
    known = types <= TESTED and all(_rope(part) is not None for part in parts)
    return OLDEST_TESTED if types and known else version("transformers")


def _parts(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A config and those nested in it."""
    yield config
    for name, value in config.items():
        if name.endswith("_config") and isinstance(value, Mapping):
            yield from _parts(value)


def with_transformers_4_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """A `config.json` of transformers 5 with the keys added that 4 reads, nested configs too."""
    added: dict[str, Any] = {}
    if "dtype" in config:
        added["torch_dtype"] = config["dtype"]
    for older, newer in OTHER_NAMES.get(config.get("model_type", ""), {}).items():
        if newer in config:
            added[older] = config[newer]
    added |= _rope(config) or {}
    nested = {
        name: with_transformers_4_keys(value)
        for name, value in config.items()
        if name.endswith("_config") and isinstance(value, Mapping)
    }
    return {**config, **nested, **added}


def _rope(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keys of the rotary parameters in version 4; None where it has no keys for them."""
    rope = config.get("rope_parameters")
    if not rope:
        return {}
    if "rope_theta" in rope:
        return _rope_of_all_layers(rope)
    names = ROPE_BY_LAYER.get(config.get("model_type", ""))
    plain = all(one["rope_type"] == "default" for one in rope.values())
    if names is None or not plain or rope.keys() != names.keys():
        return None
    keys: dict[str, Any] = {names[kind]: one["rope_theta"] for kind, one in rope.items()}
    if config["model_type"] == "modernbert":
        every = _period(config["layer_types"])
        return None if every is None else {**keys, "global_attn_every_n_layers": every}
    return keys


def _rope_of_all_layers(rope: Mapping[str, Any]) -> dict[str, Any]:
    scaling = {
        key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")
    }
    keys = {"rope_theta": rope["rope_theta"], "rope_scaling": None}
    if rope["rope_type"] != "default":
        keys["rope_scaling"] = scaling
    if "partial_rotary_factor" in rope:
        keys["partial_rotary_factor"] = rope["partial_rotary_factor"]
    return keys


def _period(layer_types: list[str]) -> int | None:
    """The n of which version 4 makes every n-th layer, the first included, attend to all tokens."""
    for n in range(1, len(layer_types) + 1):
        if layer_types == [
            "sliding_attention" if at % n else "full_attention" for at in range(len(layer_types))
        ]:
            return n
    return None


def rename_for_transformers_4(folder: Path, config: Mapping[str, Any]) -> None:
    """Give the tensors of a model folder the names that versions 4 and 5 read, where 5 wrote others."""
    kind = config.get("model_type", "")
    tower = (config.get("vision_config") or {}).get("model_type")
    if kind not in RENAMED or (RENAMED[kind] is _TOWER and tower not in NESTED_TOWERS):
        return
    pattern, replacement = RENAMED[kind]
    rename_tensors(folder, lambda name: pattern.sub(replacement, name))


def rename_tensors(folder: Path, renamed: Callable[[str], str]) -> None:
    """Rename the tensors of all files of weights, and in their index; their bytes are copied, not parsed.

    Args:
        folder: a model folder.
        renamed: from a name to the new one.
    """
    for path in sorted(folder.glob("*.safetensors")):
        if is_weights(path.name):
            _rename_in_file(path, renamed)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        content = read_json(index)
        places = {renamed(name): place for name, place in content["weight_map"].items()}
        write_json(index, {**content, "weight_map": places})


def _rename_in_file(path: Path, renamed: Callable[[str], str]) -> None:
    with path.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        header = json.loads(source.read(length))
        about = header.pop("__metadata__", None)
        entries = {renamed(name): entry for name, entry in header.items()}
        if about is not None:
            entries = {"__metadata__": about, **entries}
        text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)  # tensors begin at multiples of eight bytes
        with replacing(path) as partial, partial.open("wb") as target:
            target.write(len(text).to_bytes(8, "little") + text)
            shutil.copyfileobj(source, target, 1 << 20)
