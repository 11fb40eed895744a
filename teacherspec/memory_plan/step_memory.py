"""The memory of one optimizer step, counted on a model that has shapes and no values.

torch runs the real step (forward, loss, backward, fused AdamW) on fake tensors, while the bytes of all
storages that would be live are added up. So every architecture is counted as it is, in seconds and without
its weights.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from teacherspec.finetune.lora import adapt
from teacherspec.spec.finetune import Full, Lora

if TYPE_CHECKING:
    from transformers import PretrainedConfig

SHALLOW = (3, 6)
"""Layers of the two models from which a deeper one is extrapolated: every figure is linear in the layers."""

DEPTH = "num_hidden_layers"

PER_LAYER = ("layer_types", "mlp_layer_types", "no_rope_layers")
"""Lists in a config that hold one entry a layer; derived anew for another depth."""


@dataclass(frozen=True)
class Step:
    """What one forward and backward pass works on.

    Attributes:
        examples: of the micro-batch.
        length: tokens of each, or the config's own image size for image models.
        supervised: positions of each example that reach the language-model head; None for all.
        bf16: whether arithmetic runs in bfloat16 over float32 weights.
        checkpointing: whether the backward pass computes activations again.
        accumulate: whether gradients of an earlier micro-batch are live in the forward pass.
    """

    examples: int
    length: int
    supervised: int | None = None
    bf16: bool = False
    checkpointing: bool = False
    accumulate: bool = False


@dataclass(frozen=True)
class Memory:
    """Bytes of a step, and the moments of its largest use.

    Attributes:
        parameters: number of parameters, trained or not.
        trained: number of trained ones.
        weights: bytes of parameters and buffers.
        gradients: bytes of all gradients.
        optimizer: bytes of the optimizer's states.
        forward: bytes in use at most until the backward pass has left the head.
        backward: bytes in use when all gradients are there.
    """

    parameters: float
    trained: float
    weights: float
    gradients: float
    optimizer: float
    forward: float
    backward: float

    @property
    def static(self) -> float:
        """Bytes that do not depend on the batch: weights, gradients and optimizer states."""
        return self.weights + self.gradients + self.optimizer

    @property
    def peak(self) -> float:
        """Bytes in use at most."""
        return max(self.forward, self.backward)


def step_memory(config: "PretrainedConfig", auto_class: str, method: Full | Lora, step: Step) -> Memory:
    """Bytes of one optimizer step of the model that `config` describes.

    Args:
        config: of the base; nothing but shapes is read from it.
        auto_class: name of the Auto class in transformers that builds the model with its head.
        method: which parameters are trained.
        step: what is computed.

    Raises:
        UserError: a declared LoRA target names no layer.
    """
    layers = getattr(config, DEPTH, None)
    if layers is None or layers <= 2 * SHALLOW[1]:
        return _counted(config, auto_class, method, step)
    few, more = (_counted(_with_layers(config, depth), auto_class, method, step) for depth in SHALLOW)
    return _extrapolated(few, more, (layers - SHALLOW[0]) / (SHALLOW[1] - SHALLOW[0]))


def _with_layers(config: "PretrainedConfig", layers: int) -> "PretrainedConfig":
    from transformers import AutoConfig

    values = {name: value for name, value in config.to_dict().items() if name not in PER_LAYER}
    return AutoConfig.for_model(**{**values, DEPTH: layers})


def _extrapolated(few: Memory, more: Memory, share: float) -> Memory:
    changed = {name: value + share * (getattr(more, name) - value) for name, value in vars(few).items()}
    return replace(few, **changed)


def _counted(config: "PretrainedConfig", auto_class: str, method: Full | Lora, step: Step) -> Memory:
    import torch
    import transformers
    from torch._subclasses.fake_tensor import FakeTensorMode

    from teacherspec.memory_plan.tensor_tracker import TensorTracker

    with torch.device("meta"), _quiet():
        model = getattr(transformers, auto_class).from_config(config)
        model.train(True)
        if step.checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            model.enable_input_require_grads()
        model = adapt(model, method)
        head = model.get_output_embeddings()
    with FakeTensorMode(), _quiet():
        _give_storage(model)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
        tracker = TensorTracker([*model.parameters(), *model.buffers()])
        largest: list[float] = []
        with tracker:
            # AdamW creates its states in the first update; the second step is like all later ones.
            _pass(model, head, config, step, lambda: None)
            optimizer.step()
            optimizer.zero_grad()
            tracker.reset_peak()
            for _ in range(1 + step.accumulate):
                _pass(model, head, config, step, lambda: largest.append(tracker.peak))
        states = [value for state in optimizer.state.values() for value in state.values()]
        return Memory(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            trained=sum(parameter.numel() for parameter in trained),
            weights=_bytes([*model.parameters(), *model.buffers()]),
            gradients=_bytes([parameter.grad for parameter in trained if parameter.grad is not None]),
            optimizer=_bytes(states),
            forward=max(largest),
            backward=tracker.live,
        )


def _bytes(tensors: Sequence[Any]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _give_storage(model: Any) -> None:
    """Main-memory storage, fake in a fake mode, for every parameter and buffer; ties are kept."""
    import torch

    stored: dict[int, Any] = {}
    for module in model.modules():
        for values in (module._parameters, module._buffers):
            for name, value in values.items():
                if value is None:
                    continue
                if id(value) not in stored:
                    empty = torch.empty(value.shape, dtype=value.dtype)
                    is_parameter = isinstance(value, torch.nn.Parameter)
                    stored[id(value)] = (
                        torch.nn.Parameter(empty, value.requires_grad) if is_parameter else empty
                    )
                values[name] = stored[id(value)]


def _pass(
    model: Any, head: Any, config: "PretrainedConfig", step: Step, left_head: Callable[[], None]
) -> None:
    """Forward, loss and backward; `left_head` is called when the backward pass goes below the head."""
    import torch
    from torch.nn.functional import cross_entropy

    inputs, options = _inputs(model, config, step)
    hooks = [head.register_forward_hook(_when_gradient_reaches_input(left_head))] if head is not None else []
    with torch.autocast("cpu", torch.bfloat16, enabled=step.bf16):
        logits = model(**inputs, **options).logits
    if head is None:
        logits.register_hook(lambda _: left_head())
    logits = logits.float().flatten(0, -2)
    loss: Any = cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
    loss.backward()
    for hook in hooks:
        hook.remove()


def _when_gradient_reaches_input(call: Callable[[], None]) -> Callable[..., None]:
    def watch(_module: Any, inputs: tuple[Any, ...], _output: Any) -> None:
        inputs[0].register_hook(lambda _: call())

    return watch


def _inputs(model: Any, config: "PretrainedConfig", step: Step) -> tuple[dict[str, Any], dict[str, Any]]:
    import torch

    if model.main_input_name == "pixel_values":
        size = getattr(config, "image_size", None) or step.length
        shape = (
            step.examples,
            getattr(config, "num_channels", 3),
            *((size, size) if isinstance(size, int) else size),
        )
        return {"pixel_values": torch.zeros(shape)}, {}
    ids = torch.zeros((step.examples, step.length), dtype=torch.long)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if step.supervised is None:
        return inputs, {}
    return inputs, {"logits_to_keep": step.supervised, "use_cache": False}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of libraries about names that they renamed among themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
