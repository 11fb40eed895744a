"""Training of a tiny generative model, and views of its inputs and weights, for tests of both kinds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from safetensors.torch import load_file

from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, Role, Split, save_index
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.text.tokenization import Encoded

ROLES: dict[str, Role] = {
    "train": "train", "validation": "validation", "calibration": "calibration", "test": "test",
    "shifted": "shifted",
}  # fmt: skip


def trained(
    task: Kind, base: Path, prepared: Prepared, place: Path, start: ModelInit | None = None, **values: Any
) -> Path:
    """Train an epoch with these changes of the declaration; the folder that it wrote."""
    declared = {"epochs": 1, "batch_size": 8, "learning_rate": 5e-3, **values}
    section = Finetune.model_validate_json(json.dumps(declared))
    init = start or ModelInit(section.dropout)
    finetune(Training(task, section, base, prepared, init), place / "run", place / "out")
    return place / "out"


def flat(model: Path) -> torch.Tensor:
    """All weights of a model folder."""
    return torch.cat([tensor.flatten() for tensor in load_file(model / "model.safetensors").values()])


def marked(tokenizer: Any, encoded: Encoded) -> str:
    """The text with supervised tokens in «», decoded token by token."""
    out, inside = "", False
    for token, flag in zip(encoded.input_ids, encoded.supervised, strict=True):
        if bool(flag) != inside:
            out, inside = out + ("«" if flag else "»"), bool(flag)
        out += tokenizer.decode([token])
    return out + ("»" if inside else "")


def write_prepared(folder: Path, kind: str, tables: Mapping[str, pa.Table]) -> Prepared:
    """A table for each of `ROLES`, as `prepare` writes them."""
    splits = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        write_parquet(path, table)
        splits[name] = Split(name, ROLES[name], len(table), sha256_file(path), path)
    prepared = Prepared(kind, (), splits)
    save_index(folder, prepared)
    return prepared
