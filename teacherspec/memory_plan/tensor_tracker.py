"""Bytes of live tensors, now and at their peak.

torch's own `MemTracker` reports more, but does not work for a model with frozen parameters.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class TensorTracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of every storage that an operation inside the context creates, until it is freed.

    Attributes:
        live: bytes of live storages.
        peak: largest value of `live` since the last `reset_peak`.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        """Start with the storages of `tensors`, which exist already."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in tensors:
            self._add(tensor)

    def reset_peak(self) -> None:
        """Start measuring the peak again from the bytes that are live now."""
        self.peak = self.live

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the operation and add the storages of its results."""
        results = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(results):
            if isinstance(leaf, torch.Tensor):
                self._add(leaf)
        return results

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        known = self._storages.get(id(storage))
        if known is not None and known() is storage:
            return
        key, size = id(storage), storage.nbytes()

        def freed(reference: "weakref.ref[torch.UntypedStorage]") -> None:
            self.live -= size
            if self._storages.get(key) is reference:
                del self._storages[key]

        self._storages[key] = weakref.ref(storage, freed)
        self.live += size
        self.peak = max(self.peak, self.live)
