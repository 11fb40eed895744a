"""A student of a language model as somebody without this project would train it, from a package alone.

Reads `distill/` by `datasets.load_dataset`; the loss is the one that `distill/README.md` documents, in
transformers' own Trainer (trainers of TRL read no stored logits). It shares no code with the probe whose
verdict it checks, and its student is a GPT-2 where the probe's is a Llama.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from datasets import load_dataset
from scipy import stats
from torch.nn.functional import cross_entropy, log_softmax
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

SEEDS, EPOCHS, BATCH, WIDTH, RATE = 3, 6, 16, 48, 3e-3
HELD_OUT = "calibration"
"""Split of the package that students are compared on: neither teacher nor student learned it."""

SMALLEST_REST = 1e-6
"""Least probability of all other tokens together, of which the logarithm is taken."""


def lift(artifacts: Path) -> dict[str, float]:
    """Token accuracy with labels only and taught at T = 1, the difference in points and half its interval.

    Student's t over the seeds on fixed rows, so narrower than the probe's.
    """
    package = artifacts / "teacher"
    soft = load_dataset(str(package / "distill"), "soft")
    train, held_out = (soft[name].to_list() for name in ("train", HELD_OUT))
    vocabulary = json.loads((package / "model/config.json").read_text("utf-8"))["vocab_size"]
    hard, taught = (
        np.array([accuracy(trained(train, vocabulary, seed, by_teacher), held_out) for seed in range(SEEDS)])
        for by_teacher in (False, True)
    )
    points = 100 * (taught - hard)
    half = stats.t.ppf(0.975, SEEDS - 1) * points.std(ddof=1) / np.sqrt(SEEDS)
    found = {"labels only": hard.mean(), "taught": taught.mean(), "lift": points.mean(), "±": half}
    return {name: round(float(value), 4) for name, value in found.items()}


def trained(rows: Sequence[Mapping[str, Any]], vocabulary: int, seed: int, taught: bool) -> Any:
    """A student after its training."""
    torch.manual_seed(seed)
    longest = max(len(row["input_ids"]) for row in rows)
    config = GPT2Config(
        vocab_size=vocabulary, n_embd=WIDTH, n_layer=1, n_head=4, n_positions=2 * longest,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=RATE,
            lr_scheduler_type="constant", weight_decay=0.1, seed=seed, report_to="none", save_strategy="no",
            logging_strategy="no", disable_tqdm=True, remove_unused_columns=False, use_cpu=True,
        )  # fmt: skip
        kind = Distiller if taught else LabelsOnly
        trainer = kind(GPT2LMHeadModel(config), arguments, data_collator=list, train_dataset=list(rows))
        trainer.train()
        return trainer.model.eval()


class LabelsOnly(Trainer):
    """Cross-entropy of the given answers."""

    def compute_loss(self, model: Any, inputs: Any, **_: Any) -> torch.Tensor:
        """The mean over all supervised positions of a batch."""
        logits, labels, _targets = predicted(model, inputs)
        return cross_entropy(logits, labels)


class Distiller(Trainer):
    """Cross-entropy of the stored distributions: each of the k tokens, and all others together."""

    def compute_loss(self, model: Any, inputs: Any, **_: Any) -> torch.Tensor:
        """The mean over all supervised positions of a batch."""
        logits, _labels, (token_ids, top_values, tail_log_mass) = predicted(model, inputs)
        own = log_softmax(logits, -1).gather(1, token_ids)
        rest = (1 - own.exp().sum(1)).clamp(min=SMALLEST_REST).log()
        return -((top_values.exp() * own).sum(1) + tail_log_mass.exp() * rest).mean()


def predicted(model: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Logits `[U, V]` at the supervised positions of some rows, the tokens that follow, and the targets."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.tensor([[*row["input_ids"], *[0] * (longest - len(row["input_ids"]))] for row in rows])
    logits = model(input_ids=ids).logits
    at = [torch.tensor(row["positions"]) for row in rows]
    chosen = torch.cat([logits[place, positions] for place, positions in enumerate(at)])
    labels = torch.cat([ids[place, positions + 1] for place, positions in enumerate(at)])
    targets = tuple(
        torch.cat([torch.tensor(row[name]) for row in rows])
        for name in ("token_ids", "top_values", "tail_log_mass")
    )
    return chosen, labels, (targets[0].long(), targets[1].float(), targets[2].float())


def accuracy(model: Any, rows: Sequence[Mapping[str, Any]]) -> float:
    """Mean over answers of the share of their tokens that are predicted."""
    with torch.no_grad():
        pairs = [predicted(model, [row])[:2] for row in rows]
    return float(np.mean([float((logits.argmax(1) == labels).float().mean()) for logits, labels in pairs]))
