"""The model folder of a package: readable by transformers 4 and 5 alike, with the same numbers.

transformers 5 writes fewer files than transformers 4 reads, and without a tokenizer class it knows 4 does not
load; `transformers_4` has the keys and names of the model.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.model_files.security_scan import check_folder
from teacherspec.package.transformers_4 import (
    rename_for_transformers_4,
    rename_tensors,
    with_transformers_4_keys,
)
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.tasks.shared.hf_loading import TIMM_GIVEN_TWICE

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
    if config["model_type"] == TIMM:
        # timm reads tensors without the wrapper's prefix, the wrapper reads both.
        rename_tensors(target, lambda name: name.removeprefix(PREFIX))
    rename_for_transformers_4(target, config)
    pack_image_processor(target)
    if (target / "tokenizer.json").is_file():
        pack_tokenizer(target)


TIMM, PREFIX = "timm_wrapper", "timm_model."


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
        "model_args": {name: value for name, value in arguments.items() if name not in TIMM_GIVEN_TWICE},
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }


def pack_image_processor(folder: Path) -> None:
    """Write the image processor also where older readers look for it: a file of its own.

    transformers 5 keeps it within the processor of images and text.
    """
    joint, own = folder / "processor_config.json", folder / "preprocessor_config.json"
    if joint.is_file() and not own.is_file() and (settings := read_json(joint).get("image_processor")):
        write_json(own, {**settings, "processor_class": read_json(joint).get("processor_class")})


def label_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes in a `config.json`, in the order of the logits; none where it has none."""
    if config.get("problem_type") == "regression":  # its one output is a score
        return ()
    if "id2label" in config:
        return tuple(config["id2label"][str(index)] for index in range(len(config["id2label"])))
    return tuple(config.get("label_names", ()))


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
