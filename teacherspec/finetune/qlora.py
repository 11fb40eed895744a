"""QLoRA: a frozen backbone in 4 bits with low-rank updates, converted back to float32 before they are merged.

peft merges an update into 4-bit weights by rounding the sum to 4 bits again, which loses most of what was
learned (huggingface/peft#2502). Here the quantised base is converted to float32 first: updates are added
exactly, and loading the teacher needs neither bitsandbytes nor peft.
"""

import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError
from teacherspec.runtime import machine

if TYPE_CHECKING:
    from torch import nn


def library_version() -> str | None:
    """Version of bitsandbytes, whose rounding affects the training; None where it is not installed."""
    try:
        return version("bitsandbytes")
    except PackageNotFoundError:
        return None


def quantize(model: Any, names: Sequence[str]) -> None:
    """Round linear layers to NF4 with doubly quantised scales (Dettmers et al. 2023), in place.

    Arithmetic stays in the precision of the training: weights are dequantised when they are used.

    Args:
        model: a plain model, float32.
        names: full names of its `nn.Linear` modules to round.

    Raises:
        UserError: bitsandbytes is not installed, a layer cannot be quantised, or the model is sharded.
    """
    import torch
    from torch import nn

    try:
        from bitsandbytes.nn import Linear4bit, Params4bit
    except ImportError as error:
        raise UserError(
            f"finetune.method.quantize: nf4 needs the library bitsandbytes ({error}); run "
            "`pip install 'teacherspec[qlora]'`, or leave quantize out"
        ) from error
    if not machine.holds_whole_model():
        raise UserError(
            "finetune.method.quantize: 4-bit weights cannot be sharded among processes; configure "
            "accelerate without FSDP and DeepSpeed (a copy in each process, DDP), or leave quantize out"
        )
    if transposed := [name for name in names if not isinstance(model.get_submodule(name), nn.Linear)]:
        raise UserError(
            f"finetune.method.quantize: {type(model).__name__} stores the weights of {transposed[0]} and "
            f"{len(transposed) - 1} further layers transposed, which nf4 cannot round; leave quantize out"
        )
    for name in names:
        plain = model.get_submodule(name)
        with torch.device("meta"):
            rounded = Linear4bit(
                plain.in_features,
                plain.out_features,
                bias=plain.bias is not None,
                compute_dtype=torch.float32,
                quant_type="nf4",
                compress_statistics=True,
            )
        rounded.weight = Params4bit(plain.weight.data, requires_grad=False, quant_type="nf4")
        rounded.bias = plain.bias
        # Otherwise some CPUs use another packing for inference: less precise scales, no narrow layers.
        rounded.support_avx512bf16_for_cpu = False
        model.set_submodule(name, rounded.to(plain.weight.device))  # `to` quantises
    model.is_loaded_in_4bit = True  # tells peft to add updates to 4-bit layers


def dequantize(model: Any) -> Any:
    """The same updates over the quantised weights converted to float32, `[out, in]` each.

    Args:
        model: a peft model over layers that `quantize` rounded; it cannot be used afterwards.
    """
    from bitsandbytes.nn import Linear4bit
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    updates, config = get_peft_model_state_dict(model), model.peft_config["default"]
    plain = model.unload()
    for name, module in list(plain.named_modules()):
        if isinstance(module, Linear4bit):
            plain.set_submodule(name, _dequantized(module))
    del plain.is_loaded_in_4bit
    with warnings.catch_warnings():
        # peft 0.21 still uses a name that transformers 5.23 has renamed; users cannot change that.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        again = get_peft_model(plain, config)
    set_peft_model_state_dict(again, updates)
    return again.train(False)


def _dequantized(module: Any) -> "nn.Linear":
    import torch
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(module.weight.data, module.weight.quant_state).to(torch.float32)
    with torch.device("meta"):
        plain = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
    plain.weight = torch.nn.Parameter(weight.contiguous(), requires_grad=False)
    plain.bias = module.bias
    return plain
