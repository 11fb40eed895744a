"""Transformers' Trainer with batches, loss and measuring that do not depend on the number of processes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from teacherspec.errors import UserError
from teacherspec.finetune.losses import IGNORE_INDEX
from teacherspec.finetune.micro_batches import MicroBatches, WithSilent, silencing
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.runtime.length_batches import longest_first
from teacherspec.tasks.interfaces.capabilities import PairEmbeddings
from teacherspec.tasks.interfaces.kind import Kind

Values = np.ndarray[Any, Any]


class DeterministicTrainer(Trainer):  # type: ignore[misc]
    """A Trainer whose processes share the batches that one process would see.

    Attributes:
        task: whose verbs measure validation.
        processor: of the model.
        micro_batches: of this process; told of every epoch before it begins.
    """

    def __init__(self, *, task: Kind, processor: Any, micro_batches: MicroBatches, **values: Any) -> None:
        prepare_sharding(values["model"])
        super().__init__(data_collator=task.collate(processor), **values)
        self.task = task
        self.processor = processor
        self.micro_batches = micro_batches
        if task.capability(PairEmbeddings) and machine.processes() > 1:
            raise UserError(
                f"finetune: a task of pairs trains in one process (given: {machine.processes()}): the pairs "
                "of a step would lie apart; start one process, its micro-batch may be as small as it must"
            )

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Trainer's own, of what the task makes of the batch."""

        def outputs(**batch: Any) -> Any:
            return self.learned_from(model, batch)

        return super().compute_loss(outputs, inputs, return_outputs, num_items_in_batch)

    def learned_from(self, model: Any, inputs: dict[str, Any]) -> Any:
        """What the loss reads of a batch without labels."""
        with self.accelerator.autocast():
            return self.task.outputs(model, inputs)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The micro-batches of this process."""
        examples = self.train_dataset if machine.processes() == 1 else WithSilent(self.train_dataset)
        return self._loader(examples, self.micro_batches, self.data_collator)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """This process's share of the validation batches; as many as any other's, see `evaluation_loop`."""
        examples = self.eval_dataset if eval_dataset is None else eval_dataset
        lengths = self.task.lengths(examples)
        batches = longest_first(len(examples), lengths, self.args.per_device_eval_batch_size)
        turns = math.ceil(len(batches) / machine.processes())
        mine = list(distributed.shard(batches))
        collate = self.task.collate(self.task.cache_shared_inputs(self.model.eval(), self.processor))
        return self._loader(examples, [*mine, *batches[:1] * (turns - len(mine))], collate)

    def _loader(self, examples: Any, batches: Any, collate: Any) -> DataLoader[Any]:
        return DataLoader(
            examples,
            batch_sampler=batches,
            collate_fn=silencing(collate),
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: Sequence[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Measure every validation row once, on all processes together.

        Where batches run out before every process had its turn, a process repeats one, since a model that is
        shared among them must run on all, and what it says is left out. Trainer's own loop gathers batches
        of one shape, fills the last up with rows of the first, and takes means of means.
        """
        parts = self._kept(self.model.eval(), dataloader)
        examples = len(dataloader.dataset)  # type: ignore[arg-type]
        batches = math.ceil(examples / self.args.per_device_eval_batch_size)
        every = distributed.all_gather(parts)[:batches]
        kept, labels = (stacked([part[place] for part in every]) for place in (0, 1))
        # Told by the first, so that no rounding of another machine parts who stops from who goes on.
        measured: Mapping[str, float] = distributed.broadcast(self.task.measure(kept, labels))
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in measured.items()}
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=examples)

    def measured(self, model: Any) -> dict[str, float]:
        """What `task.measure` says of another model than the one that was trained, by this process alone."""
        lengths, size = self.task.lengths(self.eval_dataset), self.args.per_device_eval_batch_size
        batches = longest_first(len(self.eval_dataset), lengths, size)
        collate = self.task.collate(self.task.cache_shared_inputs(model.eval(), self.processor))
        parts = self._kept(model, self._loader(self.eval_dataset, batches, collate))
        kept, labels = (stacked([part[place] for part in parts]) for place in (0, 1))
        found: dict[str, float] = round_floats(dict(self.task.measure(kept, labels)))
        return found

    def _kept(self, model: Any, batches: Iterable[Any]) -> list[tuple[Values, Values]]:
        """What `task.kept` of each batch, and its labels."""
        parts = []
        with torch.no_grad():
            for batch in batches:
                inputs = self._prepare_inputs(dict(batch))
                labels = inputs.pop("labels")
                with self.accelerator.autocast():
                    outputs = self.task.outputs(model, inputs)
                kept = self.task.validation_outputs(outputs, labels)
                parts.append((kept.float().cpu().numpy(), labels.cpu().numpy()))
        return parts

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Make the folder first: Trainer takes a best checkpoint without one, as of a shared model, for lost.

        It would restore an earlier one, without a word (5.23, `os.path.exists(best_checkpoint_dir)`).
        """
        if distributed.is_main_process():
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            folder.mkdir(parents=True, exist_ok=True)
        super()._save_checkpoint(model, trial)


def stacked(arrays: Sequence["np.ndarray[Any, Any]"]) -> "np.ndarray[Any, Any]":
    """Arrays one below the other; shorter rows are filled up with labels that count nowhere."""
    if arrays[0].ndim == 1:
        return np.concatenate(arrays)
    width = max(array.shape[1] for array in arrays)
    filled = [
        np.pad(
            array,
            [(0, 0), (0, width - array.shape[1]), *[(0, 0)] * (array.ndim - 2)],
            constant_values=IGNORE_INDEX,
        )
        for array in arrays
    ]
    return np.concatenate(filled)


def prepare_sharding(model: Any) -> None:
    """Where accelerate is told to share the model itself among the processes, let it do so.

    accelerate 1.15 asks for accelerators, though its FSDP2 works over gloo as well: how a large machine's
    training is rehearsed, and tested, on a small one. And it shares out token embeddings by themselves, which
    fails where an architecture counts them among the blocks that stay together, as BERT does.
    """
    if not machine.shards_model():
        return
    from accelerate.state import AcceleratorState, DistributedType, PartialState

    state = PartialState._shared_state
    if state.get("distributed_type") == DistributedType.MULTI_CPU and not AcceleratorState._shared_state:
        state["distributed_type"] = DistributedType.MULTI_XPU
    embedding = model.get_input_embeddings()
    blocks = model.base_model._no_split_modules or []
    named = {type(module).__name__ for module in model.modules() if embedding in set(module.modules())}
    machine.set_fsdp_wrap([name for name in blocks if name not in named])


def whole_model(trainer: Trainer, start: Any) -> Any:
    """The trained model in one piece on the first process, None on the others. All must ask.

    Args:
        trainer: after training.
        start: a function that builds the model as training began with it, on main memory.
    """
    from accelerate.utils import DistributedType

    shared = trainer.accelerator.distributed_type in {DistributedType.FSDP, DistributedType.DEEPSPEED}
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if shared else None
    if not distributed.is_main_process():
        return None
    if weights is None:
        return trainer.model
    model = start()
    model.load_state_dict(weights)
    return model
