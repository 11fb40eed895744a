"""A toy language whose train answers are noisy, with a teacher that knows more than they say, or nothing."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.index import save_index as save_prediction_index
from teacherspec.predictions.top_k_tokens import TopKTokens, save_top_k, save_vocabulary
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import sha256_file, write_json, write_parquet
from teacherspec.splits import Prepared, Role, Split, save_index
from teacherspec.text.topk_logits import reduce_logits

VOCABULARY, K, PROMPT, ANSWER = 40, 6, 2, 6
ROLES: dict[str, Role] = {
    "train": "train", "validation": "validation", "calibration": "calibration", "test": "test",
    "shifted": "shifted",
}  # fmt: skip
ROWS = {"train": 48, "validation": 16, "calibration": 16, "test": 40, "shifted": 20, "given": 24}
FOLLOWS = np.random.default_rng(3).permutation(VOCABULARY)
"""The token that follows each token."""


def toy_tokens(
    name: str, *, knows: float, noise: float, draw: np.random.Generator, rows: int | None = None
) -> TopKTokens:
    """Answers in which every token follows from the one before it, but for a share of noise.

    Args:
        name: of the split.
        knows: how far the teacher's logits favour the right token; 0 for a teacher that knows nothing.
        noise: share of tokens that are drawn at random.
        draw: of everything.
        rows: answers; those of `ROWS` by default.
    """
    count = ROWS[name] if rows is None else rows
    ids, marks, logits, labels, lengths, positions = [], [], [], [], [], []
    prompts: set[tuple[int, ...]] = set()
    for row in range(count):
        size = ANSWER + row % 3
        tokens = [row // VOCABULARY, int(draw.integers(VOCABULARY))]
        while tuple(tokens) in prompts:
            tokens = [(tokens[0] + 1) % VOCABULARY, tokens[1]]
        prompts.add(tuple(tokens))
        while len(tokens) < PROMPT + size:
            follows = int(FOLLOWS[tokens[-1]])
            tokens.append(int(draw.integers(VOCABULARY)) if draw.random() < noise else follows)
        ids += tokens
        marks += [0] * PROMPT + [1] * size
        before = np.array(tokens[PROMPT - 1 : -1])
        logits.append(knows * np.eye(VOCABULARY)[FOLLOWS[before]] + draw.normal(size=(size, VOCABULARY)))
        labels += tokens[PROMPT:]
        lengths.append(len(tokens))
        positions.append(size)
    top = reduce_logits(torch.tensor(np.concatenate(logits)), torch.tensor(labels), K)
    return TopKTokens(
        [f"{name}-{row}" for row in range(count)],
        np.array(lengths),
        np.array(ids, np.int32),
        np.array(marks, bool),
        np.array(positions),
        {field: column.numpy() for field, column in top._asdict().items()},
    )


def toy_language_teacher(
    folder: Path, *, knows: float = 6.0, noise: float = 0.6, temperature: float = 1.5, given: bool = False
) -> Sources:
    """Prepared rows, top k and a calibrator.

    Args:
        folder: to write to, `artifacts/…` and `fit.json`.
        knows: see `toy_tokens`.
        noise: of the train answers; all others have none.
        temperature: of the calibrator.
        given: whether there are answers of role `transfer`.
    """
    draw = np.random.default_rng(7)
    prepared, evaluated = folder / "artifacts/prepare", folder / "artifacts/evaluate"
    roles: dict[str, Role] = {**ROLES, **({"given": "transfer"} if given else {})}
    splits = {}
    for name, role in roles.items():
        tokens = toy_tokens(
            name, knows=knows, noise=noise if role in ("train", "transfer") else 0.0, draw=draw
        )
        path = prepared / f"{name}.parquet"
        write_parquet(path, pa.table({"id": list(tokens.ids)}))
        splits[name] = Split(name, role, len(tokens.ids), sha256_file(path), path)
        save_top_k(evaluated, name, tokens)
        # `read_split` needs the ids of the predictions alone.
        write_parquet(evaluated / f"predictions/{name}.parquet", pa.table({"id": list(tokens.ids)}))
    save_vocabulary(evaluated, VOCABULARY)
    found = Prepared("causal_lm", (), splits)
    save_index(prepared, found)
    save_prediction_index(
        evaluated, PredictionIndex((), roles, {name: ROWS[name] for name in roles}, "generation")
    )
    calibrator = {"kind": "temperature", "temperature": temperature}
    write_json(folder / "artifacts/calibrate/calibration.json", {"calibrator": calibrator})
    write_json(folder / "fit.json", {"parameters": {"total": 1_000_000}})
    return Sources(found, ["prompt"], folder / "artifacts")
