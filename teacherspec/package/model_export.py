"""The model folder of a package: readable by transformers 4 and 5 alike, with the same numbers.

transformers 5 writes other keys and fewer files than transformers 4 reads: without `rope_theta` version
4.57 silently computes with another one, and without a tokenizer class it knows it does not load.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.model_files.security_scan import check_folder
from teacherspec.runtime.atomic_io import read_json, replacing, write_json

ONLY_IN_5 = {"TokenizersBackend": "PreTrainedTokenizerFast"}
"""Tokenizer class names of transformers 5, and the name of the same thing that both versions know."""

VOCABULARY_FILES = frozenset({"WordPiece", "BPE"})
"""Kinds of tokenizer for which older readers want the vocabulary as files of their own."""


def pack_model(source: Path, target: Path) -> None:
    """Copy a fine-tuned model into the package, its JSON files with the keys of both versions.

    Args:
        source: folder as `from_pretrained` reads it.
        target: folder to create.

    Raises:
        UserError: `source` holds files that are not allowed or broken.
    """
    contents = check_folder(source)
    target.mkdir(parents=True)
    for name in contents.files:
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, target / name)
    config = for_timm(with_transformers_4_keys(contents.config))
    write_json(target / "config.json", config)
    if config["model_type"] == TIMM and (target / WEIGHTS).is_file():
        rename_timm_tensors(target / WEIGHTS)
    if (target / "tokenizer.json").is_file():
        pack_tokenizer(target)


def with_transformers_4_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """A `config.json` of transformers 5 with the keys added that transformers 4 reads, nested configs too.

    Raises:
        UserError: the rotary parameters differ by kind of layer, which version 4 has no common keys for.
    """
    added: dict[str, Any] = {}
    if "dtype" in config:
        added["torch_dtype"] = config["dtype"]
    if rope := config.get("rope_parameters"):
        added |= _rope_for_transformers_4(rope)
    nested = {
        name: with_transformers_4_keys(value)
        for name, value in config.items()
        if name.endswith("_config") and isinstance(value, Mapping)
    }
    return {**config, **nested, **added}


TIMM, PREFIX, WEIGHTS = "timm_wrapper", "timm_model.", "model.safetensors"

GIVEN_TWICE = frozenset({"num_classes", "in_chans"})
"""Arguments that timm and transformers' wrapper pass by themselves."""


def for_timm(config: Mapping[str, Any]) -> dict[str, Any]:
    """A `config.json` of transformers' wrapper of timm's models that timm and others read alike.

    timm wants a mapping where the wrapper writes null; all others look for `id2label` and `label2id`.
    """
    if config.get("model_type") != TIMM:
        return dict(config)
    arguments = config.get("model_args") or {}
    names = list(config["label_names"])
    return {
        **config,
        "model_args": {name: value for name, value in arguments.items() if name not in GIVEN_TWICE},
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }


def rename_timm_tensors(weights: Path) -> None:
    """Take the wrapper's prefix off the names of tensors, where transformers 5 left it; it reads both."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    if any(name.startswith(PREFIX) for name in tensors):
        plain = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
        with replacing(weights) as partial:
            save_file(plain, partial, {"format": "pt"})


def label_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes in a `config.json`, in the order of the logits; none where it has none."""
    if "id2label" in config:
        return tuple(config["id2label"][str(index)] for index in range(len(config["id2label"])))
    return tuple(config.get("label_names", ()))


def _rope_for_transformers_4(rope: Mapping[str, Any]) -> dict[str, Any]:
    if "rope_theta" not in rope:
        raise UserError(
            f"config.json: rope_parameters differ by kind of layer ({', '.join(sorted(rope))}); "
            "transformers 4 would compute other logits, so this base cannot be packaged yet"
        )
    scaling = {
        key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")
    }
    keys = {"rope_theta": rope["rope_theta"], "rope_scaling": None}
    if rope["rope_type"] != "default":
        keys["rope_scaling"] = scaling
    if "partial_rotary_factor" in rope:
        keys["partial_rotary_factor"] = rope["partial_rotary_factor"]
    return keys


def tokenizer_config_for_transformers_4(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A `tokenizer_config.json` of transformers 5 in words that version 4 reads too, to the same effect.

    Version 4 expects `extra_special_tokens` to be a mapping, and fails on the list that version 5 writes.
    """
    found = dict(settings)
    written = found.get("tokenizer_class", "TokenizersBackend")
    found["tokenizer_class"] = ONLY_IN_5.get(written, written)
    if isinstance(found.get("extra_special_tokens"), list):
        found["additional_special_tokens"] = found.pop("extra_special_tokens")
    return found


def pack_tokenizer(folder: Path) -> None:
    """Give the tokenizer in `folder` the class name and the files that older readers know."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    settings = tokenizer_config_for_transformers_4(read_json(folder / "tokenizer_config.json"))
    template = folder / "chat_template.jinja"
    if template.is_file():  # readers before 4.43 look for it among the settings
        settings["chat_template"] = template.read_text(encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    write_json(folder / "tokenizer_config.json", settings)
    special = {
        name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)
    }
    write_json(folder / "special_tokens_map.json", special)
    if json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["type"] in VOCABULARY_FILES:
        Tokenizer.from_file(str(folder / "tokenizer.json")).model.save(str(folder))
