"""Four ways to train the same model on the same batches, each by its own `Trainer.train()`."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed

from benchmarks.causal_lm.rows import LIMIT, VOCABULARY, tokenizer
from teacherspec.finetune.losses import objective
from teacherspec.spec.finetune import CrossEntropy
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms
from teacherspec.text.block_attention import use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import Example, pack

PAD = 1


def model(layers: int) -> Any:
    """SmolLM2-135M's shape at 30 layers, weights drawn anew."""
    set_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=layers,
            num_attention_heads=9,
            num_key_value_heads=3,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=PAD,
        )
    )


def declared(size: int, bf16: bool) -> dict[str, Any]:
    """What all programs share; everything else is each one's own default."""
    return {
        "output_dir": tempfile.mkdtemp(), "use_cpu": True, "bf16": bf16, "num_train_epochs": 1,
        "per_device_train_batch_size": size, "learning_rate": 1e-4, "lr_scheduler_type": "constant",
        "train_sampling_strategy": "sequential", "logging_steps": 1, "report_to": "none",
        "save_strategy": "no", "disable_tqdm": True, "seed": 0,
    }  # fmt: skip


def data(examples: Sequence[Example]) -> Dataset:
    rows = {
        "input_ids": [list(one.input_ids) for one in examples],
        "completion_mask": [list(one.supervised) for one in examples],
    }
    return Dataset.from_dict(rows)


def ours(layers: int, examples: Sequence[Example], size: int, bf16: bool, _folder: Path) -> Any:
    def collate(rows: list[Mapping[str, Any]]) -> Any:
        chosen = [Example(row["input_ids"], row["completion_mask"]) for row in rows]
        return pack(chosen)

    def loss_terms(outputs: Mapping[str, torch.Tensor], labels: torch.Tensor) -> LossTerms:
        return LossTerms(outputs["logits"], labels[0, 1:])

    arguments = TrainingArguments(**declared(size, bf16), remove_unused_columns=False)
    loss = objective(CrossEntropy(), loss_terms, None)
    started = narrow_head(model(layers))
    use_block_attention(started)
    return Trainer(started, arguments, collate, data(examples), compute_loss_func=loss)


def guide(layers: int, examples: Sequence[Example], size: int, bf16: bool, _folder: Path) -> Any:
    """A plain Trainer script: every row padded to the limit, prompt and padding out of the labels."""

    def collate(rows: list[Mapping[str, Any]]) -> Any:
        ids = torch.full((len(rows), LIMIT), PAD)
        labels = torch.full((len(rows), LIMIT), -100)
        mask = torch.zeros((len(rows), LIMIT), dtype=torch.long)
        for at, row in enumerate(rows):
            tokens, learned = torch.tensor(row["input_ids"]), torch.tensor(row["completion_mask"])
            ids[at, : len(tokens)] = tokens
            mask[at, : len(tokens)] = 1
            labels[at, : len(tokens)] = tokens.where(learned == 1, -100)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    arguments = TrainingArguments(**declared(size, bf16), remove_unused_columns=False)
    return Trainer(model(layers), arguments, collate, data(examples))


def trl(layers: int, examples: Sequence[Example], size: int, bf16: bool, folder: Path, **options: Any) -> Any:
    """TRL's SFTTrainer at its defaults, but for what all programs share."""
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(**declared(size, bf16), completion_only_loss=True, **options)
    return SFTTrainer(
        model(layers), args=arguments, train_dataset=data(examples), processing_class=tokenizer(folder)
    )


def trl_keeps(layers: int, examples: Sequence[Example], size: int, bf16: bool, folder: Path) -> Any:
    """The same with its activation checkpointing off."""
    return trl(layers, examples, size, bf16, folder, gradient_checkpointing=False)


PROGRAMS = {"ours": ours, "guide": guide, "trl": trl, "trl_keeps": trl_keeps}
NAMES = {
    "ours": "teacherspec",
    "guide": "Trainer, padded to 512",
    "trl": "TRL 1.16.0, its defaults",
    "trl_keeps": "TRL 1.16.0, checkpointing off",
}
