"""How many bytes of tensors are alive, and how many were at most.

torch's own `MemTracker` tells more, but cannot follow a model with frozen parameters.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LivingBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every storage that an operation inside the context makes, until nothing refers to it.

    Attributes:
        now: bytes alive.
        most: largest value of `now` since the last `forget`.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        """Begin with the storages of `tensors`, which are alive already."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._alive: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in tensors:
            self._see(tensor)

    def forget(self) -> None:
        """Let the present be the most that was ever alive."""
        self.most = self.now

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the operation and see what it made."""
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self._see(leaf)
        return made

    def _see(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        known = self._alive.get(id(storage))
        if known is not None and known() is storage:
            return
        key, size = id(storage), storage.nbytes()

        def gone(reference: "weakref.ref[torch.UntypedStorage]") -> None:
            self.now -= size
            if self._alive.get(key) is reference:
                del self._alive[key]

        self._alive[key] = weakref.ref(storage, gone)
        self.now += size
        self.most = max(self.most, self.now)
