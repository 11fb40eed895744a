"""Tiny rows with entities over the toy vocabulary of `tests.toys.text`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from teacherspec.metrics.scores.entity_tags import entities, tags_of
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Role, Split, save_index
from teacherspec.tasks.token_classification.task import TokenClassification
from tests.toys.text import FILLER, WORDS

TYPES = ("PLACE", "TIME")
INSIDE = {"PLACE": WORDS["wet"], "TIME": WORDS["hot"]}
"""Type of an entity → the words that its entities consist of: nothing else is needed to find them."""


def entity_rows(count: int, seed: int, form: str = "spans") -> list[dict[str, Any]]:
    """Rows of 4 to 10 words with up to two entities of one or two words; none in some of them."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words, tags = [], []
        for _ in range(int(draw.integers(1, 4))):
            filler = [str(one) for one in draw.choice(FILLER, int(draw.integers(1, 4)))]
            words += filler
            tags += ["O"] * len(filler)
            if draw.random() < 0.7:
                name = str(draw.choice(TYPES))
                size = int(draw.integers(1, 3))
                words += [str(one) for one in draw.choice(INSIDE[name], size)]
                tags += [f"B-{name}"] + [f"I-{name}"] * (size - 1)
        rows.append(row_of(words, tags, form))
    return rows


def row_of(words: list[str], tags: list[str], form: str) -> dict[str, Any]:
    """A row of tokens with tags, or of a text with spans."""
    if form == "tokens":
        return {"tokens": words, "tags": tags}
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    spans: list[list[Any]] = []
    for word, end, tag in zip(words, ends.tolist(), tags, strict=True):
        if tag.startswith("B-"):
            spans.append([end - len(word), end, tag[2:]])
        elif tag.startswith("I-"):
            spans[-1][1] = end
    return {"text": " ".join(words), "spans": spans}


def in_bilou(row: dict[str, Any]) -> dict[str, Any]:
    """A row of tokens with its tags in the other scheme."""
    found = entities(row["tags"], "bio")
    return {**row, "tags": tags_of(found, len(row["tags"]), "bilou")}


def write_entity_files(
    folder: Path, counts: dict[str, int], form: str = "spans", scheme: str = "bio"
) -> list[dict[str, Any]]:
    """JSONL files of each split, and their sources for a declaration."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for seed, (split, count) in enumerate(counts.items()):
        rows = entity_rows(count, seed, form)
        if scheme == "bilou":
            rows = [in_bilou(row) for row in rows]
        lines = [json.dumps(row) for row in rows]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
        sources.append({"kind": "jsonl", "path": f"data/{split}.jsonl", "split": split})
    return sources


def entity_prepared(folder: Path, train: int, other: int, form: str = "spans") -> Prepared:
    """The four fixed splits of a toy task, a shifted and an unlabelled set, as `prepare` writes them."""
    task = TokenClassification.model_validate_json(
        json.dumps({"kind": "token_classification", "entity_types": list(TYPES), "rows": form})
    )
    schema, splits = task.row_schema(), {}
    roles: tuple[Role, ...] = ("train", "validation", "calibration", "test", "shifted", "transfer")
    labels = schema.token_labels()
    assert labels is not None
    for seed, role in enumerate(roles):
        path = folder / f"{role}.parquet"
        rows = entity_rows(train if role == "train" else other, seed, form)
        read = [{column.name: column.read(row[column.name]) for column in schema.columns()} for row in rows]
        given = None if role == "transfer" else [row[labels.name] for row in read]
        columns = {column.name: [row[column.name] for row in read] for column in schema.content}
        table = {
            "id": pa.array([f"{role}-{at:04d}" for at in range(len(rows))]),
            **{column.name: pa.array(columns[column.name], column.arrow_type()) for column in schema.content},
            labels.name: pa.array(given or [None] * len(rows), labels.arrow_type()),
        }
        write_parquet(path, pa.table(table))
        splits[role] = Split(role, role, len(rows), sha256_file(path), path)
    prepared = Prepared("token_classification", task.tags, splits, (labels.name,))
    save_index(folder, prepared)
    return prepared
