"""The output head applied at supervised positions only.

Logits are the largest output of a language model: 152,064 numbers a token for Qwen 2.5, of which those of
prompts and padding would be discarded. The head's input is narrowed to the supervised positions instead,
inside the model's own forward pass, so that an architecture's scaling or capping of logits still applies.
"""

from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError
from teacherspec.text.packing import SUPERVISED

if TYPE_CHECKING:
    import torch


def narrow_head(model: Any) -> Any:
    """Make `model(**batch)` return logits `[U, V]` where the batch holds `supervised` `[U]`, all otherwise.

    Args:
        model: a causal language model; it is changed in place, its weights and config are not.

    Raises:
        BaseModelError: it has no output head of its own.
    """
    head = model.get_output_embeddings()
    if head is None:
        raise BaseModelError(
            f"base: {type(model).__name__} has no output head, so it is no causal language model"
        )
    supervised: list[torch.Tensor | None] = [None]

    def take_positions(_module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        supervised[0] = kwargs.pop(SUPERVISED, None)
        # With a key-value cache transformers would treat packed sequences as one.
        return args, kwargs if supervised[0] is None else {**kwargs, "use_cache": False}

    def narrow(_module: Any, args: "tuple[torch.Tensor, ...]") -> Any:
        if supervised[0] is None:
            return None
        hidden = args[0]
        positions = supervised[0].to(hidden.device)  # several devices: the head may be on another one
        return (hidden.reshape(-1, hidden.shape[-1])[positions], *args[1:])

    model.register_forward_pre_hook(take_positions, with_kwargs=True)
    head.register_forward_pre_hook(narrow)
    return model
