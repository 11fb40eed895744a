"""Training steps of one program: teacherspec, a Trainer that pads to the longest row, or TRL."""

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from benchmarks.gpu.device import gemm_rate, nominal_rate, peak_gib, wait
from benchmarks.gpu.shapes import Sizes, model, operations, rows, tokenizer
from teacherspec.finetune.losses import objective
from teacherspec.spec.finetune import CrossEntropy
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms
from teacherspec.text.block_attention import use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import Example, pack

WARM = 2
"""Steps that are not timed."""


class Clock(TrainerCallback):  # type: ignore[misc]
    """Times of the ends of steps, and losses."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.ends: list[float] = []
        self.losses: list[float] = []

    def on_step_end(self, *_args: Any, **_options: Any) -> None:
        self.ends.append(wait(self.sizes))

    def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **_options: Any) -> None:
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


def shared(sizes: Sizes) -> dict[str, Any]:
    """What all programs are given; everything else is each one's own default."""
    return {
        "output_dir": tempfile.mkdtemp(), "use_cpu": sizes.device == "cpu", "bf16": True,
        "num_train_epochs": 1, "per_device_train_batch_size": sizes.batch,
        "learning_rate": 1e-4, "lr_scheduler_type": "constant",
        "train_sampling_strategy": "sequential", "logging_steps": 1, "report_to": "none",
        "save_strategy": "no", "disable_tqdm": True, "seed": 0,
    }  # fmt: skip


def data(examples: Sequence[Example]) -> Dataset:
    """Rows with the columns that each program reads."""
    labels = [
        [token if flag else -100 for token, flag in zip(one.input_ids, one.supervised, strict=True)]
        for one in examples
    ]
    return Dataset.from_dict(
        {
            "input_ids": [list(one.input_ids) for one in examples],
            "completion_mask": [list(one.supervised) for one in examples],
            "labels": labels,
        }
    )


def ours(sizes: Sizes, examples: Sequence[Example]) -> Any:
    """All rows of a batch in one, attention within each, the head at supervised positions."""

    def collate(found: list[Mapping[str, Any]]) -> Any:
        return pack([Example(row["input_ids"], row["completion_mask"]) for row in found])

    def loss_terms(outputs: Mapping[str, torch.Tensor], labels: torch.Tensor) -> LossTerms:
        return LossTerms(outputs["logits"], labels[0, 1:])

    started = narrow_head(model(sizes))
    use_block_attention(started)
    arguments = TrainingArguments(**shared(sizes), remove_unused_columns=False)
    loss = objective(CrossEntropy(), loss_terms, None)
    return Trainer(started, arguments, collate, data(examples), compute_loss_func=loss)


def padded(sizes: Sizes, examples: Sequence[Example]) -> Any:
    """transformers' Trainer with its collator, which pads to the longest row of a batch."""
    collate = DataCollatorForSeq2Seq(tokenizer(sizes), padding=True)
    rows_of = data(examples).remove_columns("completion_mask")
    return Trainer(model(sizes), TrainingArguments(**shared(sizes)), collate, rows_of)


def trl(sizes: Sizes, examples: Sequence[Example]) -> Any:
    """TRL's SFTTrainer at its defaults."""
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(**shared(sizes), completion_only_loss=True, max_length=sizes.longest)
    rows_of = data(examples).remove_columns("labels")
    return SFTTrainer(model(sizes), args=arguments, train_dataset=rows_of, processing_class=tokenizer(sizes))


def measure(sizes: Sizes, program: Any) -> dict[str, Any]:
    """Speed, memory and losses of a program."""
    examples = rows(sizes, sizes.batch * (WARM + sizes.steps))
    trainer = program(sizes, examples)
    clock = Clock(sizes)
    trainer.add_callback(clock)
    trainer.train()
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    taken = clock.ends[-1] - clock.ends[WARM - 1]
    timed = examples[WARM * sizes.batch :]
    tokens, rate = sum(len(one.input_ids) for one in timed) / taken, operations(sizes, timed) / taken
    nominal = nominal_rate(sizes)
    return {
        "tokens_per_s": tokens,
        "parameters": parameters,
        "share_of_gemm": rate / gemm_rate(sizes),
        "mfu": None if nominal is None else rate / nominal,
        "peak_gib": peak_gib(sizes),
        "losses": [clock.losses[0], clock.losses[-1]],
    }
