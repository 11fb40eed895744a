"""What soft targets are measured on: a made distribution, and a real model's answers."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from teacherspec.package.generation.token_targets import StoredTokens, token_rows, token_schema, token_tables
from teacherspec.runtime.atomic_io import write_parquet_parts
from teacherspec.splits import Split
from teacherspec.tasks.causal_lm.task import CausalLM

VOCABULARY = 151_936
LENGTH = 64
"""Answered tokens of a made sequence."""

LONGEST = 448
"""Tokens of the answers that are used; the contexts of small models are short."""

PAIRS = (("prompt", "completion"), ("question", "answer"))
"""What rows of files call question and answer."""


class Made:
    """A stand-in for a task and its model: heavy-tailed logits over a large vocabulary, picked by token."""

    device = torch.device("cpu")

    def __init__(self, vocabulary: int, kinds: int = 64) -> None:
        draw = torch.Generator().manual_seed(0)
        zipf = -1.2 * torch.arange(1, vocabulary + 1, dtype=torch.float32).log()
        sharpness = 0.7 + 1.3 * torch.rand(kinds, generator=draw)
        rows = [zipf[torch.randperm(vocabulary, generator=draw)] * sharp for sharp in sharpness]
        self.table = torch.stack(rows)

    def encode(self, tokenizer: Any, rows: Dataset) -> list[dict[str, Any]]:
        del tokenizer
        draw = np.random.default_rng(0)
        tokens = draw.integers(self.table.shape[1], size=(len(rows), LENGTH + 1)).tolist()
        return [{"input_ids": ids, "supervised": [0] + [1] * LENGTH} for ids in tokens]

    def collate(self, tokenizer: Any) -> Any:
        del tokenizer

        def packed(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
            asked = [token for one in examples for token in one["input_ids"][:-1]]
            labels = [token for one in examples for token in one["input_ids"][1:]]
            return {"asked": torch.tensor(asked), "labels": torch.tensor([[-100, *labels]])}

        return packed

    def logits(self, model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        del model
        draw = torch.Generator().manual_seed(int(batch["asked"][0]))  # no two positions are alike
        noise = torch.randn(len(batch["asked"]), self.table.shape[1], generator=draw)
        return self.table[batch["asked"] % len(self.table)] + 0.5 * noise


class Source:
    """A task, a model and rows, on which all numbers of one table are measured."""

    def __init__(self, task: Any, model: Any, tokenizer: Any, rows: Dataset, vocabulary: int) -> None:
        self.task, self.model, self.tokenizer, self.rows = task, model, tokenizer, rows
        self.vocabulary = vocabulary

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Logits and labels of the answered positions, by the forward pass alone."""
        encoded, collate = (
            self.task.encode(self.tokenizer, self.rows),
            self.task.collate(self.tokenizer),
        )
        with torch.inference_mode():
            for start in range(0, len(self.rows), 8):
                examples = [encoded[at] for at in range(start, min(start + 8, len(self.rows)))]
                batch = dict(collate(examples))
                labels = batch.pop("labels")[0, 1:]
                yield self.task.logits(self.model, batch), labels

    def write(self, path: Path, kept: StoredTokens) -> None:
        """What the package writes of the rows."""
        schema = token_schema(self.rows, [], kept)
        parts = token_rows(self.task, self.model, self.tokenizer, self.rows, kept)
        split = Split("train", "validation", len(self.rows), "", path)
        write_parquet_parts(path, schema, token_tables(parts, split, self.rows, [], schema))


def made(count: int) -> Source:
    task = Made(VOCABULARY)
    return Source(task, task, None, Dataset.from_dict({"id": [f"row-{i}" for i in range(count)]}), VOCABULARY)


def real(folder: Path, file: Path, count: int) -> Source:
    declared = {"kind": "causal_lm", "max_length": LONGEST + 64, "over_long": "truncate_prompt"}
    task = CausalLM.model_validate_json(json.dumps(declared))
    model, tokenizer = task.load(folder)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    prompt, completion = next(names for names in PAIRS if set(names) <= lines[0].keys())
    fitting = (line for line in lines if len(tokenizer(str(line[completion]))["input_ids"]) < LONGEST)
    lines = list(islice(fitting, count))
    completions = [line[completion] for line in lines]
    rows = {
        "id": [f"row-{i}" for i in range(len(lines))],
        "prompt": [line[prompt] for line in lines],
        "completion": [one if isinstance(one, list) else [one] for one in completions],
    }
    return Source(task, model, tokenizer, Dataset.from_dict(rows), model.config.vocab_size)
