"""Whether the package of a language model gives what is stored of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.package.generation.token_targets import predicting_positions
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.verification.calibration_checks import check_calibrated_nll
from teacherspec.package.verification.consistency_checks import check_reported
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.package.verification.recomputed_targets import choose_rows
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.text.topk_logits import SCALARS, reduce_at

WORK = 2e9
"""Rows times parameters of a split that are computed again; answers cost more than rows of classifiers."""

AT_LEAST = 8
"""Rows of a split that are computed again, however large the model."""

LOG_PROB_TOLERANCE = 1e-3
"""Largest difference of a stored log-probability near 0; float16 rounds larger ones by a 2048th."""

NLL_TOLERANCE = 0.01
"""Nats; the tail is known to second order only."""

STANDARD_ERRORS = 6.0
"""How far the mean of drawn tokens may be from its expectation."""


def check_labels(opened: OpenedPackage) -> Iterator[str]:
    """There are no labels; every stored token is one of the stated vocabulary."""
    if opened.metadata.label_names:
        yield "metadata.json: a language model has no label names"
    vocabulary = opened.metadata.vocabulary
    if vocabulary is None or vocabulary.rows is None:
        yield "metadata.json: a language model has a vocabulary"
        return
    declared = opened.section.student
    found = opened.metadata.student
    if (declared is None) != (found is None):
        yield "metadata.json: student is not that of package.student in provenance/spec.json"
    if found is not None:
        same = found.vocabulary.sha256 == vocabulary.sha256
        if same == any(one.name == "vocabulary" for one in found.differences):
            yield "metadata.json: student: its vocabulary and the stated differences contradict each other"
    for split in opened.metadata.soft_targets.rows:
        for batch in read_shards(opened.folder / "distill", split, ["token_ids"]):
            ids = batch["token_ids"].flatten().flatten().to_numpy()
            if len(ids) and not 0 <= ids.min() <= ids.max() < vocabulary.rows:
                yield f"distill: {split}: token_ids outside of the {vocabulary.rows} of the vocabulary"
                break


def check_targets(opened: OpenedPackage) -> Iterator[str]:
    """Every row's content has its hash; the model gives the stored targets of some rows of each split."""
    task = opened.task.require(GenerationTask)
    model, tokenizer = opened.model_and_processor
    for split, places in opened.rows_again(WORK, AT_LEAST).items():
        rows, problems = choose_rows(opened, split, places)
        problems += [problem for row in rows for problem in _row_problems(task, model, tokenizer, row)]
        yield from (f"distill: {split}: {problem}" for problem in problems)
    yield from check_reported(opened, lambda split: {"nll": _plain_nll(opened, split)}, NLL_TOLERANCE)


def _plain_nll(opened: OpenedPackage, split: str) -> float:
    """Mean loss of the supervised tokens at temperature 1, nats."""
    total, count = 0.0, 0
    for batch in read_shards(opened.folder / "distill", split, ["label_log_prob"]):
        log_probs = batch["label_log_prob"].flatten().to_numpy().astype(np.float64)
        total, count = total - float(log_probs.sum()), count + len(log_probs)
    return total / max(1, count)


def _row_problems(task: GenerationTask, model: Any, tokenizer: Any, row: dict[str, Any]) -> Iterator[str]:
    """Stored targets of a row that the model does not compute at the same positions."""
    import torch

    if row["positions"] != predicting_positions(row["completion_mask"]):
        yield f"row {row['id']}: positions are not those before its supervised tokens"
        return
    if not _answers_its_content(task, tokenizer, row):
        yield f"row {row['id']}: input_ids are not those of its content"
    extra = {name: row[name] for name in task.image_columns}
    example = {**extra, "input_ids": row["input_ids"], "supervised": row["completion_mask"]}
    batch = dict(task.collate(tokenizer)([example]))
    labels = batch.pop("labels")[0, 1:]
    with torch.inference_mode():
        logits = task.logits(model, batch).float()
        computed = reduce_at(logits, labels, torch.tensor(row["token_ids"]))
    log_probs = logits.log_softmax(dim=1)
    ids = computed.token_ids.long()
    values = log_probs.gather(1, ids).double().numpy()
    rest = log_probs.scatter(1, ids, -torch.inf).max(dim=1).values.numpy()
    if difference := _largest_difference(row["top_values"], values):
        yield f"row {row['id']}: log-probabilities are off by {difference:.3g}"
    elif (rest - values.min(axis=1)).max() > LOG_PROB_TOLERANCE:
        yield f"row {row['id']}: other tokens than those stored are likelier"
    for name in SCALARS:
        if difference := _largest_difference(row[name], getattr(computed, name).double().numpy()):
            yield f"row {row['id']}: {name} is off by {difference:.3g}"
    if "sampled_ids" in row and (problem := _draw_problem(row, log_probs.double().numpy())):
        yield f"row {row['id']}: {problem}"


def _answers_its_content(task: GenerationTask, processor: Any, row: dict[str, Any]) -> bool:
    """Whether the text before the last answer is the row's prompt; true of a row that may have been cut."""
    ids, mask = row["input_ids"], row["completion_mask"]
    if len(ids) >= task.max_length:
        return True
    end = len(mask) - mask[::-1].index(1)
    start = next((at for at in range(end, 0, -1) if not mask[at - 1]), 0)
    prompt = task.encoder(processor).encode_prompt(task.conversation(row))
    decode = task.tokenizer(processor).decode
    return bool(decode(ids[:start]) == decode(prompt))


def _largest_difference(stored: Any, computed: npt.NDArray[np.float64]) -> float | None:
    """The largest difference, where one is more than rounding explains; two of -inf are equal."""
    stored = np.asarray(stored, np.float64)
    rounding = np.abs(computed) / 1024
    difference = np.where(stored == computed, 0.0, np.abs(stored - computed))
    largest: float = difference.max()
    return None if (difference - rounding).max() <= LOG_PROB_TOLERANCE else largest


def _draw_problem(row: dict[str, Any], log_probs: npt.NDArray[np.float64]) -> str | None:
    """Whether the drawn tokens' mean log-probability is what the distribution lets expect."""
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


def check_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The temperature gives, on the tokens it was fitted on, the loss it was saved with."""
    return check_calibrated_nll(opened, lambda split: _mean_nll(opened, split), NLL_TOLERANCE)


LOSS_COLUMNS = ("top_values", "tail_log_mass", "tail_mean", "tail_variance", "label_log_prob")


def _mean_nll(opened: OpenedPackage, split: str) -> float:
    """Mean loss of the supervised tokens after calibration, nats."""
    beta = 1.0 / opened.temperature()
    losses = [
        _token_losses(row, beta)
        for batch in read_shards(opened.folder / "distill", split, LOSS_COLUMNS)
        for row in batch.to_pylist()
    ]
    return float(np.concatenate(losses).mean())


def _token_losses(row: dict[str, Any], beta: float) -> npt.NDArray[np.float64]:
    """NLL `[U]` of a row's supervised tokens at an inverse temperature, from what is stored of them."""
    top, mass, mean, variance, own = (np.asarray(row[name], np.float64) for name in LOSS_COLUMNS)
    step = beta - 1.0
    tail = mass + step * mean + 0.5 * step * step * variance
    losses: npt.NDArray[np.float64] = np.logaddexp(np.logaddexp.reduce(beta * top, axis=1), tail) - beta * own
    return losses
