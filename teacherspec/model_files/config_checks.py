"""Checks the JSON files of a base: bounded size, and nothing that names code, kernels or another location."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.model_files.safetensors_check import LFS_POINTER, Tensor, unique_keys

JSON_LIMIT_BYTES = 16_000_000
"""Largest file accepted; the index of 90,000 tensors has about nine million bytes."""

DEPTH_LIMIT = 20

CODE = "it makes loading run code that came with the base; choose a base without it"
KERNEL = "it chooses kernels or attention code from outside; remove the key"
QUANTISED = "a quantised base cannot be fine-tuned; choose its full-precision version"
OTHER_LOCATION = "it makes loading read another location; remove the key"
REFUSED_KEYS = {
    "auto_map": CODE,
    "custom_pipelines": CODE,
    "trust_remote_code": CODE,
    "attn_implementation": KERNEL,
    "experts_implementation": KERNEL,
    "compile_config": KERNEL,
    "distributed_config": KERNEL,
    "fusion_config": KERNEL,
    "kernel_config": KERNEL,
    "use_kernels": KERNEL,
    "quantization_config": QUANTISED,
    "compression_config": QUANTISED,
    "backbone": OTHER_LOCATION,
    "use_timm_backbone": OTHER_LOCATION,
    "use_pretrained_backbone": OTHER_LOCATION,
    "base_model_name_or_path": OTHER_LOCATION,
    "fast_tokenizer_files": OTHER_LOCATION,
    "init_inputs": OTHER_LOCATION,
    "transformers_weights": OTHER_LOCATION,
}
"""Keys refused at any depth unless their value is empty or false."""

BUILT_IN_ATTENTION = ("eager", "sdpa")
"""Values of `attn_implementation` that name no code from outside."""

PRIVATE_KEYS = frozenset({"__type", "__version__", "_commit_hash", "_name_or_path", "_valid_processor_keys"})
"""Names with a leading underscore whose texts are left by the writer and ignored when loading."""

LABEL_KEYS = frozenset({"id2label", "label2id"})

FREE_TEXT_KEYS = frozenset(
    {
        "_commit_hash",
        "_name_or_path",
        "description",
        "id2label",
        "label2id",
        "label_descriptions",
        "label_names",
        "name_or_path",
        "notes",
        "origin_url",
        "paper_ids",
        "paper_name",
        "task_specific_params",
        "text_config_dict",
        "vision_config_dict",
    }
)
"""Keys of `config.json` whose texts are names or notes that nothing opens."""

WORD = re.compile(r"[\w|+ -]*(\.[\w|+ -]+)*")
"""What a text in `config.json` may be: a word such as `gelu` or a version, never a path or an address."""

LEGACY_FILE_KEYS = frozenset({"name_or_path", "tokenizer_file", "special_tokens_map_file"})
"""Old tokenizer configs name a file of the writer's machine here; transformers 5 replaces it."""

ORDINARY_SIZES = {
    "vocab_size": 1 << 20,
    **dict.fromkeys(("hidden_size", "hidden_sizes", "d_model", "n_embd", "embed_dim"), 1 << 15),
}
"""Widths in `config.json` → the largest that needs no tensor of that size.

Configs keep sizes of parts that the weights lack: BEiT those of its pre-training, an image classifier made of
CLIP those of the text tower.
"""

ORDINARY_DEPTHS = dict.fromkeys(
    ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "depths"), 1 << 8
)
"""Depths in `config.json` → the largest that needs no tensor for each layer."""


def read_json_object(path: Path, limit_bytes: int = JSON_LIMIT_BYTES) -> dict[str, Any]:
    """Parse an untrusted JSON file.

    Raises:
        ValueError: the file is a pointer, too large, not JSON, too deep or not an object; the text completes
            the sentence `<file>: …`.
    """
    size = path.stat().st_size
    if size > limit_bytes:
        raise ValueError(f"has {size} bytes; at most {limit_bytes} are read")
    content = path.read_bytes()
    if content.startswith(LFS_POINTER):
        raise ValueError("is a Git LFS pointer, not the file; run `git lfs pull`")
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def walk(value: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Every `(dotted path, key, value)` of nested objects, label names left out: they may be any text.

    Raises:
        ValueError: nesting is deeper than `DEPTH_LIMIT`.
    """
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        yield here, key, item
        for entry in flat(item, depth):
            if isinstance(entry, dict) and key not in LABEL_KEYS:
                yield from walk(entry, here, depth + 1)


def flat(item: Any, depth: int = 0) -> Iterator[Any]:
    """The items of nested lists, or `item` itself.

    Raises:
        ValueError: nesting is deeper than `DEPTH_LIMIT`.
    """
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nests deeper than {DEPTH_LIMIT} levels")
    if isinstance(item, list):
        for entry in item:
            yield from flat(entry, depth + 1)
    else:
        yield item


def refused_keys(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with keys, for every JSON file of a base that contains settings."""
    for path, key, value in walk(config):
        if key.endswith("attn_implementation") and value in BUILT_IN_ATTENTION:
            continue
        if key in REFUSED_KEYS and value:
            yield f"{path}: {REFUSED_KEYS[key]} (given {_shown(value)})"
        elif (
            key.startswith("_") and key not in PRIVATE_KEYS and value and isinstance(value, str | list | dict)
        ):
            yield f"{path}: is private to the loading library; remove the key (given {_shown(value)})"


def unexpected_texts(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with texts in `config.json`: only words are allowed where a path could be opened."""
    for path, key, value in walk(config):
        if key in REFUSED_KEYS or FREE_TEXT_KEYS.intersection(path.split(".")):
            continue
        for text in flat(value):
            if isinstance(text, str) and not WORD.fullmatch(text):
                yield f"{path}: names a location or something unknown (given {_shown(text)}); remove the key"


def tokenizer_files(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with `tokenizer_config.json`: names of files to open instead of the folder's own."""
    for key, value in config.items():
        names_file = key.endswith(("_file", "_path", "_dir")) and key not in LEGACY_FILE_KEYS
        if names_file and isinstance(value, str):
            yield f"{key}: names a file to open (given {_shown(value)}); remove the key"


def impossible_sizes(config: Mapping[str, Any], tensors: Iterable[Tensor]) -> Iterator[str]:
    """Sizes in `config.json` that the weights cannot have, found before anything of that size is built.

    A width is at most the largest dimension of any tensor or an ordinary one, a depth at most the number of
    tensors or an ordinary one.
    """
    shapes = [tensor.shape for tensor in tensors]
    widest = max((size for shape in shapes for size in shape), default=0)
    bounds = {key: max(widest, ordinary) for key, ordinary in ORDINARY_SIZES.items()}
    bounds |= {key: max(len(shapes), ordinary) for key, ordinary in ORDINARY_DEPTHS.items()}
    for path, key, value in walk(config):
        if key not in bounds or value is None:
            continue
        bound = bounds[key]
        for size in flat(value):
            if type(size) is not int or not 1 <= size <= bound:
                yield f"{path}: {_shown(size)} is not possible; allowed: 1 to {bound} with these tensors"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else text[:57] + "…"
