"""Tiny rows with several labels: texts that hold words of each of their labels, and images of colours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.splits import Prepared, Role, Split, save_index
from tests.toys.image import LABELS as COLOURS
from tests.toys.image import toy_image
from tests.toys.text import FILLER, LABELS, WORDS

ROLES: dict[str, Role] = {
    "train": "train",
    "validation": "validation",
    "calibration": "calibration",
    "test": "test",
    "shifted": "shifted",
    "transfer": "transfer",
}


def toy_label_rows(count: int, seed: int) -> tuple[list[str], list[list[int]]]:
    """Texts, and zeros and ones for `LABELS`; one row in ten has no label."""
    draw = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        has = (draw.random(len(LABELS)) < 0.5).astype(int)
        if not has.any() and draw.random() < 0.5:
            has[int(draw.integers(len(LABELS)))] = 1
        words = list(draw.choice(FILLER, int(draw.integers(2, 6))))
        words += [str(draw.choice(WORDS[name])) for name, one in zip(LABELS, has, strict=True) if one]
        draw.shuffle(words)
        texts.append(" ".join(words))
        labels.append(has.tolist())
    return texts, labels


def toy_label_prepared(
    folder: Path, train: int = 96, other: int = 32, kind: str = "multi_label_text_classification"
) -> Prepared:
    """All splits of a toy task as `prepare` writes them; rows of `transfer` have no labels."""
    splits = {}
    for seed, (name, role) in enumerate(sorted(ROLES.items())):
        texts, labels = toy_label_rows(train if name == "train" else other, seed)
        known: list[Any] = [None] * len(texts) if role == "transfer" else labels
        path = folder / f"{name}.parquet"
        table = {
            "id": [f"{name}-{i:04d}" for i in range(len(texts))],
            "text": texts,
            "labels": pa.array(known, pa.list_(pa.int8(), len(LABELS))),
        }
        write_parquet(path, pa.table(table))
        splits[name] = Split(name, role, len(texts), sha256_file(path), path)
    prepared = Prepared(kind, LABELS, splits, ("labels",))
    save_index(folder, prepared)
    return prepared


def write_jsonl(path: Path, count: int, seed: int) -> None:
    """Rows as a user writes them: a text, and a list of names."""
    texts, labels = toy_label_rows(count, seed)
    names = [[name for name, one in zip(LABELS, has, strict=True) if one] for has in labels]
    rows = [{"text": text, "labels": given} for text, given in zip(texts, names, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def toy_label_image_prepared(folder: Path, train: int = 48, other: int = 24) -> Prepared:
    """Splits of images, each with its colour and, where it is not the first one, also the last colour."""
    splits = {}
    for seed, (name, role) in enumerate(sorted(ROLES.items())):
        draw = np.random.default_rng(seed)
        count = train if name == "train" else other
        colours = draw.integers(len(COLOURS), size=count).tolist()
        known: list[Any] = [
            [
                int(place == colour or (place == len(COLOURS) - 1 and colour > 0))
                for place in range(len(COLOURS))
            ]
            for colour in colours
        ]
        path = folder / f"{name}.parquet"
        table = {
            "id": [f"{name}-{i:04d}" for i in range(count)],
            "image": pa.array([toy_image(colour, draw) for colour in colours], pa.binary()),
            "labels": pa.array(
                [None] * count if role == "transfer" else known, pa.list_(pa.int8(), len(COLOURS))
            ),
        }
        write_parquet(path, pa.table(table))
        splits[name] = Split(name, role, count, sha256_file(path), path)
    prepared = Prepared("multi_label_image_classification", COLOURS, splits, ("labels",))
    save_index(folder, prepared)
    return prepared
