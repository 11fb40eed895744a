"""What a training loop needs: encoded training rows, outputs, and metrics of validation."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared.interfaces.model import Batch, Inference

if TYPE_CHECKING:
    import torch
    from datasets import Dataset


class Training(Inference):
    """Training and validation; the losses are optional interfaces, see `capabilities`."""

    def encode_training(
        self,
        processor: Any,
        rows: "Dataset",
        label_names: Sequence[str],
        augmentation: Augmentation | None,
        seed: int,
    ) -> Any:
        """`encode` for the rows that weights are fitted on, augmented as declared.

        The method `set_epoch` of the data set, where it has one, is called before each epoch; random draws
        may depend on `seed`, the row and the epoch alone, so that a resumed training sees the same.
        """
        return self.encode(processor, rows)

    def outputs(self, model: Any, batch: Batch) -> "Mapping[str, torch.Tensor]":
        """What loss and validation read of a batch without labels; by default all outputs of the model."""
        outputs: Mapping[str, torch.Tensor] = model(**batch)
        return outputs

    def validation_outputs(self, outputs: Mapping[str, "torch.Tensor"], labels: "torch.Tensor") -> Any:
        """What is stored of a validation batch until all are measured: logits, where they fit memory."""
        return outputs["logits"]

    @abstractmethod
    def measure(self, outputs: Any, labels: Any) -> dict[str, float]:
        """The `selection_metrics` over the validation split, from all `validation_outputs` and labels."""
