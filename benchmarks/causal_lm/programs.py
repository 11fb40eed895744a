"""Four ways to train the same model on the same batches, each by its own `Trainer.train()`."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments, set_seed

from benchmarks.causal_lm.bases import Base
from teacherspec.finetune.lora import adapt
from teacherspec.finetune.losses import objective
from teacherspec.spec.finetune import CrossEntropy, Full, Lora
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms
from teacherspec.text.block_attention import use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import Example, pack

LIMIT = 512


@dataclass(frozen=True)
class Run:
    """What every program trains.

    Attributes:
        base: where it starts.
        method: full or low-rank.
        rows: in their order.
        batch: rows a step.
        bf16: whether it computes in bfloat16.
    """

    base: Base
    method: Full | Lora
    rows: Sequence[Example]
    batch: int
    bf16: bool

    def adapted(self, model: Any) -> Any:
        """The model with what the method adds, drawn from one seed."""
        set_seed(0)
        return adapt(model, self.method, new_head=False)

    def declared(self) -> dict[str, Any]:
        """What all programs share; everything else is each one's own default."""
        return {
            "output_dir": tempfile.mkdtemp(), "use_cpu": True, "bf16": self.bf16, "num_train_epochs": 1,
            "per_device_train_batch_size": self.batch, "learning_rate": 1e-4, "lr_scheduler_type": "constant",
            "train_sampling_strategy": "sequential", "logging_steps": 1, "report_to": "none",
            "save_strategy": "no", "disable_tqdm": True, "seed": 0,
        }  # fmt: skip

    def data(self) -> Dataset:
        """The rows with TRL's names of columns."""
        rows = {
            "input_ids": [list(one.input_ids) for one in self.rows],
            "completion_mask": [list(one.supervised) for one in self.rows],
        }
        return Dataset.from_dict(rows)


def ours(run: Run) -> Any:
    """This project's step."""

    def collate(rows: list[Mapping[str, Any]]) -> Any:
        chosen = [Example(row["input_ids"], row["completion_mask"]) for row in rows]
        return pack(chosen)

    def loss_terms(outputs: Mapping[str, torch.Tensor], labels: torch.Tensor) -> LossTerms:
        return LossTerms(outputs["logits"], labels[0, 1:])

    arguments = TrainingArguments(**run.declared(), remove_unused_columns=False)
    loss = objective(CrossEntropy(), loss_terms, None)
    started = narrow_head(run.base.model())
    use_block_attention(started)
    return Trainer(run.adapted(started), arguments, collate, run.data(), compute_loss_func=loss)


def guide(run: Run) -> Any:
    """A plain Trainer script: every row padded to the limit, prompt and padding out of the labels."""

    def collate(rows: list[Mapping[str, Any]]) -> Any:
        ids = torch.ones((len(rows), LIMIT), dtype=torch.long)
        labels = torch.full((len(rows), LIMIT), -100)
        mask = torch.zeros((len(rows), LIMIT), dtype=torch.long)
        for at, row in enumerate(rows):
            tokens, learned = torch.tensor(row["input_ids"]), torch.tensor(row["completion_mask"])
            ids[at, : len(tokens)] = tokens
            mask[at, : len(tokens)] = 1
            labels[at, : len(tokens)] = tokens.where(learned == 1, -100)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    arguments = TrainingArguments(**run.declared(), remove_unused_columns=False)
    return Trainer(run.adapted(run.base.model()), arguments, collate, run.data())


def trl(run: Run, **options: Any) -> Any:
    """TRL's SFTTrainer at its defaults, but for what all programs share."""
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(**run.declared(), completion_only_loss=True, **options)
    return SFTTrainer(
        run.adapted(run.base.model()),
        args=arguments,
        train_dataset=run.data(),
        processing_class=run.base.tokenizer(),
    )


def trl_keeps(run: Run) -> Any:
    """The same with its activation checkpointing off."""
    return trl(run, gradient_checkpointing=False)


PROGRAMS = {"ours": ours, "guide": guide, "trl": trl, "trl_keeps": trl_keeps}
NAMES = {
    "ours": "teacherspec",
    "guide": "Trainer, padded to 512",
    "trl": "TRL 1.16.0, its defaults",
    "trl_keeps": "TRL 1.16.0, checkpointing off",
}
