"""Whether the package of a language model gives what is stored of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.metrics.softmax import log_softmax
from teacherspec.package.classification.soft_targets import content_sha256
from teacherspec.package.generation.soft_targets import answered, as_hashed
from teacherspec.package.package_reader import OpenedPackage
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.topk_logits import NUMBERS, reduce_at
from teacherspec.predictions.generation import load_token_predictions
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks.shared.generation_task import GenerationTask

SAMPLED_ROWS = 8
"""Soft targets of each split that the model computes again."""

LOG_PROB_TOLERANCE = 1e-3
"""Largest difference of a stored log-probability near 0; float16 rounds larger ones by a 2048th."""

NLL_TOLERANCE = 0.01
"""Nats; the tail is known to second order only."""

STANDARD_ERRORS = 6.0
"""How far what was drawn may be from what is expected of it."""


def first_token_problem(
    task: GenerationTask, tokenizer: Any, evaluated: Path, rows: Sequence[dict[str, Any]], logits: Any
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


def wrong_token_targets(opened: OpenedPackage) -> Iterator[str]:
    """Every row's content has its hash; the model gives the stored targets of some rows of each split."""
    task = opened.task.require(GenerationTask)
    model, tokenizer = task.load(opened.folder / "model")
    for split, stated in opened.metadata.soft_targets.rows.items():
        picked = set(np.linspace(0, stated - 1, SAMPLED_ROWS).round().astype(int).tolist())
        count, sampled, problems = _read_split(opened, task, split, picked)
        if count != stated:
            problems.insert(0, f"{count} soft targets, metadata.json says {stated}")
        problems += [found for row in sampled for found in _wrong_row(task, model, tokenizer, row)]
        yield from (f"distill: {split}: {problem}" for problem in problems)


def _read_split(
    opened: OpenedPackage, task: GenerationTask, split: str, picked: set[int]
) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Number of rows, the picked ones, and the first row whose content has not its hash."""
    names = [field.name for field in task.row_schema().content]
    count = 0
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for batch in read_shards(opened.folder / "distill", split):
        for at, row in enumerate(batch.select(["id", "content_sha256", *names]).to_pylist()):
            hashed = content_sha256(as_hashed([row[name] for name in names]))
            if not problems and hashed != row["content_sha256"]:
                problems.append(f"row {row['id']}: content_sha256 is not that of its content")
            if count + at in picked:
                rows += batch.slice(at, 1).to_pylist()
        count += len(batch)
    return count, rows, problems


def _wrong_row(task: GenerationTask, model: Any, tokenizer: Any, row: dict[str, Any]) -> Iterator[str]:
    """What of a row is not what the model says at the very same positions."""
    import torch

    if row["positions"] != answered(row["completion_mask"]):
        yield f"row {row['id']}: positions are not those before its learned tokens"
        return
    beside = {name: row[name] for name in task.image_columns}
    example = {**beside, "input_ids": row["input_ids"], "supervised": row["completion_mask"]}
    batch = dict(task.collate(tokenizer)([example]))
    labels = batch.pop("labels")[0, 1:]
    with torch.inference_mode():
        logits = task.logits(model, batch).float()
        found = reduce_at(logits, labels, torch.tensor(row["token_ids"]))
    log_probs = logits.log_softmax(dim=1)
    stored = np.asarray(row["top_values"], np.float64)
    values = log_probs.gather(1, found.token_ids.long()).double().numpy()
    rest = log_probs.scatter(1, found.token_ids.long(), -torch.inf).max(dim=1).values.numpy()
    if off := _furthest(stored, values, np.abs(values) / 1024):
        yield f"row {row['id']}: log-probabilities are off by {off:.3g}"
    elif (rest - values.min(axis=1)).max() > LOG_PROB_TOLERANCE:
        yield f"row {row['id']}: other tokens than those stored are likelier"
    for name in NUMBERS:
        expected = getattr(found, name).double().numpy()
        if off := _furthest(np.asarray(row[name], np.float64), expected, np.abs(expected) / 1024):
            yield f"row {row['id']}: {name} is off by {off:.3g}"
    if "sampled_ids" in row and (strange := _strange_draws(row, log_probs.double().numpy())):
        yield f"row {row['id']}: {strange}"


def _furthest(stored: Any, found: Any, rounding: Any) -> float | None:
    """The largest difference, where one is more than rounding explains; two of -inf are equal."""
    off = np.where(stored == found, 0.0, np.abs(stored - found))
    worst: float = off.max()
    return None if (off - rounding).max() <= LOG_PROB_TOLERANCE else worst


def _strange_draws(row: dict[str, Any], log_probs: Any) -> str | None:
    """Whether the drawn tokens' mean log-probability is what the distribution leads to expect of them."""
    total, variance = 0.0, 0.0
    for ids, counts, own in zip(row["sampled_ids"], row["sampled_counts"], log_probs, strict=True):
        probs, known = np.exp(own), np.maximum(own, np.finfo(np.float32).min)
        mean = float(probs @ known)
        total += float(np.average(known[ids], weights=counts)) - mean
        variance += float(probs @ (known - mean) ** 2) / sum(counts)
    if abs(total) <= STANDARD_ERRORS * variance**0.5 + LOG_PROB_TOLERANCE * len(log_probs):
        return None
    return (
        f"sampled_ids are no draws from the model: {total / max(variance, 1e-12) ** 0.5:+.1f} standard errors"
    )


def wrong_token_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The temperature gives, on the targets of the rows it was fitted on, the loss it was saved with."""
    saved = read_json(opened.folder / "calibration/calibration.json")
    beta = 1.0 / saved["calibrator"].get("temperature", 1.0)
    for split, part in opened.metadata.splits.items():
        if part.role != "calibration" or split not in opened.metadata.soft_targets.rows:
            continue
        losses = [
            _losses(row, beta)
            for batch in read_shards(opened.folder / "distill", split, LOSS_COLUMNS)
            for row in batch.to_pylist()
        ]
        found = float(np.concatenate(losses).mean())
        stated = saved["before_after"]["nll"]["after"]
        if not abs(found - stated) <= NLL_TOLERANCE:
            yield f"calibration: NLL {found:.4f} after calibration, calibration.json says {stated:.4f}"


LOSS_COLUMNS = ("top_values", "tail_log_mass", "tail_mean", "tail_variance", "label_log_prob")


def _losses(row: dict[str, Any], beta: float) -> Any:
    """NLL `[U]` of a row's learned tokens at an inverse temperature, from what is stored of them."""
    top, mass, mean, variance, own = (np.asarray(row[name], np.float64) for name in LOSS_COLUMNS)
    step = beta - 1.0
    tail = mass + step * mean + 0.5 * step * step * variance
    return np.logaddexp(np.logaddexp.reduce(beta * top, axis=1), tail) - beta * own


def disagreeing_tokens(opened: OpenedPackage) -> Iterator[str]:
    """Every stored token is one of the stated vocabulary; there are no labels."""
    if opened.metadata.label_names:
        yield "metadata.json: a language model has no label names"
    vocabulary = opened.metadata.vocabulary
    if vocabulary is None or vocabulary.rows is None:
        yield "metadata.json: a language model has a vocabulary"
        return
    for split in opened.metadata.soft_targets.rows:
        for batch in read_shards(opened.folder / "distill", split, ["token_ids"]):
            ids = batch["token_ids"].flatten().flatten().to_numpy()
            if len(ids) and not 0 <= ids.min() <= ids.max() < vocabulary.rows:
                yield f"distill: {split}: token_ids outside of the {vocabulary.rows} of the vocabulary"
                break
