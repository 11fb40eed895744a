"""Whether the package of a language model gives what is stored of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.files import read_json
from teacherspec.language.packing import Example, pack
from teacherspec.metrics.softmax import log_softmax
from teacherspec.package.answer_targets import as_text, vocabulary_sha256
from teacherspec.package.opened import Opened
from teacherspec.package.soft_targets import CONFIG, content_sha256
from teacherspec.tasks.answering import Answering
from teacherspec.token_predictions import load_token_predictions

SAMPLED_ROWS = 8
"""Soft targets of each split that the model computes again."""

LOG_PROB_TOLERANCE = 1e-3
"""Largest difference of a stored log-probability near 0; float16 rounds larger ones by a 2048th."""

NLL_TOLERANCE = 0.01
"""Nats; the tail is known to second order only."""


def first_token_problem(
    task: Answering, tokenizer: Any, evaluated: Path, rows: Sequence[dict[str, Any]], logits: Any
) -> str | None:
    """Whether the first token of each answer has the log-probability that `evaluate` predicted.

    Args:
        task: the declared task.
        tokenizer: of the packaged model.
        evaluated: folder that `evaluate` left.
        rows: of the test split.
        logits: `[N, V]` of the token after each prompt, by the packaged model.
    """
    predicted = load_token_predictions(evaluated, "test")
    starts = dict(zip(predicted.ids, np.cumsum(predicted.tokens) - predicted.tokens, strict=True))
    nll, encoder = predicted.nll(), task.encoder(tokenizer)
    log_probs = log_softmax(logits)
    for at, row in enumerate(rows):
        encoded = encoder.encode(task.conversation(row))
        if encoded.cut:
            continue  # its prompt was learned without its beginning
        before = sum(encoded.supervised[: encoded.answer_start])
        expected = -float(nll[starts[row["id"]] + before])
        found = float(log_probs[at, encoded.input_ids[encoded.answer_start]])
        if not abs(expected - found) <= LOG_PROB_TOLERANCE:
            said = f"{found:.5f} of the first token, evaluate says {expected:.5f}"
            return f"row {row['id']}: log-probability {said}"
    return None


def wrong_token_targets(opened: Opened) -> Iterator[str]:
    """Every row's content has its hash; the model gives the stored targets of some rows of each split."""
    task = _answering(opened)
    model, tokenizer = task.load(opened.folder / "model")
    names = [field.name for field in task.row_fields().content]
    for split, stated in opened.metadata.soft_targets.rows.items():
        rows = _read(opened.folder, split)
        if len(rows) != stated:
            yield f"distill: {split}: {len(rows)} soft targets, metadata.json says {stated}"
        for row in rows:
            if content_sha256([as_text(row[name]) for name in names]) != row["content_sha256"]:
                yield f"distill: {split}: row {row['id']}: content_sha256 is not that of its content"
                break
        sampled = [rows[at] for at in np.unique(np.linspace(0, len(rows) - 1, SAMPLED_ROWS).astype(int))]
        yield from (
            f"distill: {split}: {problem}" for problem in _wrong_rows(task, model, tokenizer, sampled)
        )


def _wrong_rows(
    task: Answering, model: Any, tokenizer: Any, stored: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """Rows whose top values are not those of the model at the very same positions."""
    import torch

    for row in stored:
        batch = pack(
            [Example(row["input_ids"], row["completion_mask"])], capacity=1, pad_id=tokenizer.pad_token_id
        )
        with torch.inference_mode():
            logits = task.logits(model, {name: part for name, part in batch.items() if name != "labels"})
        log_probs = log_softmax(logits.float().numpy())
        ids, values = np.asarray(row["token_ids"]), np.asarray(row["top_values"], np.float64)
        if ids.shape[0] != log_probs.shape[0]:
            yield f"row {row['id']}: {ids.shape[0]} positions, the model is asked at {log_probs.shape[0]}"
            continue
        found = np.take_along_axis(log_probs, ids, axis=1)
        off = np.abs(found - values) - np.abs(values) / 1024
        if not off.max() <= LOG_PROB_TOLERANCE:
            yield f"row {row['id']}: log-probabilities are off by {np.abs(found - values).max():.3g}"


def wrong_token_calibration(opened: Opened) -> Iterator[str]:
    """The temperature gives, on the targets of the rows it was fitted on, the loss it was saved with."""
    saved = read_json(opened.folder / "calibration/calibration.json")
    beta = 1.0 / saved["calibrator"].get("temperature", 1.0)
    for split, part in opened.metadata.splits.items():
        if part.role != "calibration" or split not in opened.metadata.soft_targets.rows:
            continue
        losses = [loss for row in _read(opened.folder, split) for loss in _losses(row, beta)]
        stated = saved["before_after"]["nll"]["after"]
        if not abs(float(np.mean(losses)) - stated) <= NLL_TOLERANCE:
            found = float(np.mean(losses))
            yield f"calibration: NLL {found:.4f} after calibration, calibration.json says {stated:.4f}"


def _losses(row: dict[str, Any], beta: float) -> Any:
    """NLL `[U]` of a row's learned tokens at an inverse temperature, from what is stored of them."""
    names = ("tail_log_mass", "tail_mean", "tail_variance", "label_log_prob")
    mass, mean, variance, own = (np.asarray(row[name], np.float64) for name in names)
    step = beta - 1.0
    tail = mass + step * mean + 0.5 * step * step * variance
    top = np.logaddexp.reduce(beta * np.asarray(row["top_values"], np.float64), axis=1)
    return np.logaddexp(top, tail) - beta * own


def disagreeing_vocabulary(opened: Opened) -> Iterator[str]:
    """The packaged tokenizer has the vocabulary that the targets were stored with; there are no labels."""
    _, tokenizer = _answering(opened).load(opened.folder / "model")
    tokens = opened.metadata.soft_targets.tokens
    if tokens is None or tokens.vocabulary_sha256 != vocabulary_sha256(tokenizer):
        yield "model/tokenizer.json: its vocabulary is not that of the soft targets in metadata.json"
    if opened.metadata.label_names:
        yield "metadata.json: a language model has no label names"


def _answering(opened: Opened) -> Answering:
    if not isinstance(opened.task, Answering):
        raise TypeError(f"{type(opened.task).__name__} does not answer in words")
    return opened.task


def _read(folder: Path, split: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    paths = sorted((folder / "distill" / CONFIG).glob(f"{split}-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]
