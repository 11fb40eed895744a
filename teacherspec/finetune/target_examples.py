"""Examples whose labels are targets: a distribution over the classes, and a weight."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class TargetExamples:
    """Encoded examples with targets `[C + 1]` as their labels; in everything else the examples themselves."""

    def __init__(self, examples: Any, targets: "torch.Tensor") -> None:
        """For N examples and their targets `[N, C + 1]`."""
        self.examples, self.targets = examples, targets

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int | str) -> Any:
        """One example; or a column of all, where the examples have columns."""
        example = self.examples[index]
        return example if isinstance(index, str) else {**example, "labels": self.targets[index].numpy()}

    def set_epoch(self, epoch: int) -> None:
        """Tell examples that are drawn anew in each epoch."""
        if hasattr(self.examples, "set_epoch"):
            self.examples.set_epoch(epoch)
