"""Rows, splits and bases of a toy task that a tiny model learns: name the colour that is asked for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from teacherspec.files import sha256_file, write_parquet
from teacherspec.prepared import Prepared, Role, Split, save_index
from teacherspec.tasks.causal_lm import CausalLM
from tests.language.tiny import CHATML, tiny_model, tiny_tokenizer

ROLES: dict[str, Role] = {
    "train": "train", "validation": "validation", "calibration": "calibration", "test": "test",
    "shifted": "shifted",
}  # fmt: skip
THINGS = {"sky": "blue", "fox": "brown", "dog": "lazy", "spider": "eight legs"}


def task(**values: Any) -> CausalLM:
    """The toy task with these changes."""
    declared = {"kind": "causal_lm", "rendering": {"kind": "chat"}, "max_length": 64, **values}
    return CausalLM.model_validate_json(json.dumps(declared))


def lm_base(folder: Path, family: str = "llama", template: str | None = CHATML) -> Path:
    """A tiny model with random weights and a tokenizer, as a base folder."""
    tiny_model(family).save_pretrained(folder)
    tiny_tokenizer(template).save_pretrained(folder)
    return folder


def lm_rows(count: int, seed: int) -> tuple[list[str], list[list[str]]]:
    """Different questions; a few answers are at odds, so that no model is certain."""
    draw = np.random.default_rng(seed)
    prompts, answers = [], []
    for number in range(count):
        thing = str(draw.choice(list(THINGS)))
        prompts.append(f"{seed}{number}: What has the {thing}?")
        answer = THINGS[thing] if draw.random() < 0.9 else str(draw.choice(list(THINGS.values())))
        answers.append([f"The {thing} is {answer}."])
    return prompts, answers


def lm_prepared(folder: Path, train: int = 192, other: int = 40) -> Prepared:
    """All splits, as `prepare` writes them."""
    splits = {}
    for seed, (name, role) in enumerate(sorted(ROLES.items())):
        prompts, answers = lm_rows(train if name == "train" else other, seed)
        path = folder / f"{name}.parquet"
        ids = [f"{name}-{number:04d}" for number in range(len(prompts))]
        write_parquet(path, pa.table({"id": ids, "prompt": prompts, "completion": answers}))
        splits[name] = Split(name, role, len(prompts), sha256_file(path), path)
    prepared = Prepared("causal_lm", (), splits)
    save_index(folder, prepared)
    return prepared
