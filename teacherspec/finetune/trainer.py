"""Transformers' Trainer, with batches, loss and validation that do not depend on the number of processes.

Its loop, optimizer, schedule, checkpoints and logging are used as they are. Overridden are:

- `compute_loss`, because inputs go through the task, which knows how its model is called;
- `get_train_dataloader`, because Trainer's own sampler repeats rows to fill up the last batch;
- `get_eval_dataloader` and `evaluation_loop`, because Trainer gathers padded batches and averages means;
- `create_optimizer`, because the head may have a learning rate of its own;
- `evaluate`, because the running mean of the weights may be what is measured;
- `_save_checkpoint`, because Trainer takes the best checkpoint of a sharded model for lost, and for the mean.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from teacherspec.errors import UserError
from teacherspec.finetune.head_learning_rate import split_off_head
from teacherspec.finetune.losses import IGNORE_INDEX
from teacherspec.finetune.micro_batches import IgnorableExamples, MicroBatches, ignoring_collate
from teacherspec.finetune.running_mean import RunningMean, UpdateMean
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.runtime.length_batches import longest_first
from teacherspec.tasks.shared.interfaces.capabilities import PairEmbeddings
from teacherspec.tasks.shared.interfaces.kind import Kind

Array = np.ndarray[Any, Any]


class DeterministicTrainer(Trainer):  # type: ignore[misc]
    """A Trainer whose processes share the batches that a single process would compute.

    Attributes:
        task: whose methods compute outputs and validation metrics.
        processor: of the model.
        micro_batches: batch sampler of this process; a callback tells it the epoch.
        head_learning_rate: peak learning rate of the parameters outside the backbone; None for that of all.
        running_mean: of the trained weights, where it is what is measured and kept.
    """

    def __init__(
        self,
        *,
        task: Kind,
        processor: Any,
        micro_batches: MicroBatches,
        head_learning_rate: float | None = None,
        decay: float | None = None,
        **given: Any,
    ) -> None:
        if decay is not None and not machine.holds_whole_model():
            raise UserError(
                "finetune.running_mean: every process needs the whole model, which FSDP and DeepSpeed shard; "
                "use DDP, or drop it"
            )
        wrap_blocks_for_fsdp(given["model"])
        super().__init__(data_collator=task.collate(processor), **given)
        self.task = task
        self.processor = processor
        self.micro_batches = micro_batches
        self.head_learning_rate = head_learning_rate
        self.running_mean = None if decay is None else RunningMean(self.model, decay)
        if self.running_mean is not None:
            self.add_callback(UpdateMean(self.running_mean))
        if task.capability(PairEmbeddings) and machine.processes() > 1:
            raise UserError(
                f"finetune: a task of pairs trains in one process (given: {machine.processes()}): several "
                "would not see all pairs of a step; start one process, with as small a micro-batch as needed"
            )

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Trainer's own loss computation, with the task's outputs in place of those of `model(**inputs)`."""

        def outputs(**batch: Any) -> Any:
            return self.training_outputs(model, batch)

        return super().compute_loss(outputs, inputs, return_outputs, num_items_in_batch)

    def training_outputs(self, model: Any, inputs: dict[str, Any]) -> Any:
        """The outputs that the loss reads, for a batch without labels."""
        with self.accelerator.autocast():
            return self.task.outputs(model, inputs)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Trainer's optimizer, with the head in groups of its own where it has its own learning rate."""
        created = self.optimizer is None
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        if created and self.head_learning_rate is not None:
            split_off_head(optimizer, self.model if model is None else model, self.head_learning_rate)
        return optimizer

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The micro-batches of this process."""
        examples = self.train_dataset if machine.processes() == 1 else IgnorableExamples(self.train_dataset)
        return self._loader(examples, self.micro_batches, self.data_collator)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """This process's share of the validation batches; as many as any other's, see `evaluation_loop`."""
        examples = self.eval_dataset if eval_dataset is None else eval_dataset
        batches = self._validation_batches(examples)
        rounds = math.ceil(len(batches) / machine.processes())
        own = list(distributed.shard(batches))
        return self._loader(
            examples, [*own, *batches[:1] * (rounds - len(own))], self._validation_collate(self.model)
        )

    def _validation_batches(self, examples: Any) -> list[list[int]]:
        size = self.args.per_device_eval_batch_size
        return longest_first(len(examples), self.task.lengths(examples), size)

    def _validation_collate(self, model: Any) -> Callable[[list[Any]], Any]:
        return self.task.collate(self.task.cache_shared_inputs(model.eval(), self.processor))

    def _loader(self, examples: Any, batches: Any, collate: Any) -> DataLoader[Any]:
        return DataLoader(
            examples,
            batch_sampler=batches,
            collate_fn=ignoring_collate(collate),
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def evaluate(self, *given: Any, **named: Any) -> dict[str, float]:
        """The validation metrics: of the running mean of the weights where there is one."""
        with nullcontext() if self.running_mean is None else self.running_mean.in_place():
            metrics: dict[str, float] = super().evaluate(*given, **named)
        return metrics

    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: Sequence[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Compute the metrics on every validation row once, on all processes together.

        A process that has fewer batches than others repeats one, because all must run a sharded model equally
        often; the outputs of repeated batches are dropped.
        """
        outputs = self._validation_outputs(self.model.eval(), dataloader)
        rows = len(dataloader.dataset)  # type: ignore[arg-type]
        batches = math.ceil(rows / self.args.per_device_eval_batch_size)
        metrics = self._metrics(distributed.all_gather(outputs)[:batches])
        # All use those of the main process: rounded otherwise, some could stop early while others go on.
        named = {
            f"{metric_key_prefix}_{name}": value for name, value in distributed.broadcast(metrics).items()
        }
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=named, num_samples=rows)

    def validation_metrics(self, model: Any) -> dict[str, float]:
        """The validation metrics of another model than the trained one, computed by this process alone."""
        collate = self._validation_collate(model)
        loader = self._loader(self.eval_dataset, self._validation_batches(self.eval_dataset), collate)
        metrics: dict[str, float] = round_floats(self._metrics(self._validation_outputs(model, loader)))
        return metrics

    def _validation_outputs(self, model: Any, batches: Iterable[Any]) -> list[tuple[Array, Array]]:
        """What `task.validation_outputs` returns for each batch, and the labels of the batch."""
        found = []
        with torch.no_grad():
            for batch in batches:
                inputs = self._prepare_inputs(dict(batch))
                labels = inputs.pop("labels")
                with self.accelerator.autocast():
                    outputs = self.task.outputs(model, inputs)
                values = self.task.validation_outputs(outputs, labels)
                found.append((values.float().cpu().numpy(), labels.cpu().numpy()))
        return found

    def _metrics(self, outputs: Sequence[tuple[Array, Array]]) -> dict[str, float]:
        values, labels = (concatenated([batch[place] for batch in outputs]) for place in (0, 1))
        return dict(self.task.measure(values, labels))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Create the folder before Trainer looks for it; add the running mean, whose file is marked with it.

        For a sharded model transformers 5.23 checks `os.path.exists(best_checkpoint_dir)` before the folder
        is written, and would then restore an earlier checkpoint without a warning.
        """
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if distributed.is_main_process():
            folder.mkdir(parents=True, exist_ok=True)
        super()._save_checkpoint(model, trial)
        if distributed.is_main_process() and self.running_mean is not None:
            self.running_mean.save(folder)


def concatenated(arrays: Sequence[Array]) -> Array:
    """Batches `[B, ...]` one after the other; narrower ones are padded with `IGNORE_INDEX` on the right."""
    if arrays[0].ndim == 1:
        return np.concatenate(arrays)
    width = max(array.shape[1] for array in arrays)
    padded = [
        np.pad(
            array,
            [(0, 0), (0, width - array.shape[1]), *[(0, 0)] * (array.ndim - 2)],
            constant_values=IGNORE_INDEX,
        )
        for array in arrays
    ]
    return np.concatenate(padded)


def wrap_blocks_for_fsdp(model: Any) -> None:
    """Where accelerate shards the model with FSDP, have it wrap the repeated blocks only.

    accelerate 1.15 also wraps token embeddings separately, which fails where an architecture lists their
    module among the blocks that must not be split, as BERT does.
    """
    if not machine.shards_model():
        return
    embedding = model.get_input_embeddings()
    blocks = model.base_model._no_split_modules or []
    with_embedding = {
        type(module).__name__ for module in model.modules() if embedding in set(module.modules())
    }
    machine.set_fsdp_wrap([name for name in blocks if name not in with_embedding])


def consolidated_model(trainer: Trainer, initial: Callable[[], Any]) -> Any:
    """The trained model with all its weights on the main process, None on others. All must call this.

    Args:
        trainer: after training.
        initial: builds the model as training began with it, in main memory.
    """
    from accelerate.utils import DistributedType

    sharded = trainer.accelerator.distributed_type in {DistributedType.FSDP, DistributedType.DEEPSPEED}
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if sharded else None
    if not distributed.is_main_process():
        return None
    if weights is None:
        # Without the wrapper that computes every forward pass in the declared precision: what is merged,
        # compared and recorded from here on is the model as it is loaded later.
        return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    model = initial()
    model.load_state_dict(weights)
    return model
