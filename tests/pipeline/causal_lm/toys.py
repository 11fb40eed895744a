"""Rows, splits and bases of a toy task that a tiny model learns: name the colour that is asked for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from teacherspec.splits import Prepared
from teacherspec.tasks.causal_lm.task import CausalLM
from tests.toys.language_models import CHATML, tiny_model, tiny_tokenizer
from tests.toys.trained_language_model import ROLES, write_prepared

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
    tables = {}
    for seed, name in enumerate(sorted(ROLES)):
        prompts, answers = lm_rows(train if name == "train" else other, seed)
        ids = [f"{name}-{number:04d}" for number in range(len(prompts))]
        tables[name] = pa.table({"id": ids, "prompt": prompts, "completion": answers})
    return write_prepared(folder, "causal_lm", tables)
