"""Load pre-trained folders with every safety option set explicitly.

A folder is loaded only after `base` has checked it; even so nothing here runs code from it, uses the network,
or accepts a missing tensor.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared.model_head import draw_head, head_names, is_within, may_be_missing
from teacherspec.tasks.shared.tied_head import state_tied_head

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from teacherspec.tasks.shared.interfaces.model import ModelInit

SAFE = {"trust_remote_code": False, "local_files_only": True}
TIMM_GIVEN_TWICE = frozenset({"num_classes", "in_chans"})
"""Arguments of timm's models that transformers' wrapper passes by itself, and timm writes too."""

USUAL_OUTPUTS = {
    "return_dict": True,
    "output_hidden_states": False,
    "output_attentions": False,
    "torchscript": False,
}
"""Keys of a config that change what a forward pass returns, which some bases keep from whoever saved them."""

DROPOUT_SUFFIXES = ("dropout", "dropout_prob", "pdrop", "drop_rate")


def quiet_libraries() -> None:
    """Turn off load reports and progress bars of libraries.

    bitsandbytes, which peft imports where it is installed, warns about a missing kernel that is not used
    here.
    """
    from logging import ERROR, getLogger

    import datasets
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    getLogger("bitsandbytes").setLevel(ERROR)


def load_config(folder: Path, label_names: Sequence[str] | None, dropout: float | None) -> Any:
    """Read `config.json`; declare the labels of a new head and override every dropout rate.

    Outputs are the usual ones, whatever the file says: without `return_dict` no output has a name, and
    transformers refuses to save a model that also returns its attentions.

    Args:
        folder: a model folder.
        label_names: names of the new head's classes, or None to keep the folder's own.
        dropout: probability for every dropout of the architecture, or None to keep the folder's own.

    Raises:
        BaseModelError: transformers does not know the architecture or cannot read the file.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, **SAFE)
    except ImportError as error:
        raise BaseModelError(
            f"{folder / 'config.json'}: needs a further library: {first_line(error)}; for bases of timm run "
            "`pip install 'teacherspec[timm]'`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseModelError(
            f"{folder / 'config.json'}: cannot be read as a model config: {first_line(error)}"
        ) from error
    if arguments := getattr(config, "model_args", None):  # of timm's models alone
        config.model_args = {key: arguments[key] for key in arguments if key not in TIMM_GIVEN_TWICE}
    if label_names is not None:
        config.id2label = dict(enumerate(label_names))
        config.label2id = {name: index for index, name in enumerate(label_names)}
    parts = (config, *(getattr(config, name) for name in config.sub_configs))
    for part in parts:
        _set_usual_outputs(part)
    if dropout is not None:
        for part in parts:
            for name in [name for name in part.to_dict() if name.endswith(DROPOUT_SUFFIXES)]:
                setattr(part, name, dropout)
    return config


def _set_usual_outputs(config: Any) -> None:
    for name, usual in USUAL_OUTPUTS.items():
        if getattr(config, name, usual) != usual:
            setattr(config, name, usual)


def load_weights(auto_class: Any, folder: Path, config: Any, new_head: bool) -> "PreTrainedModel":
    """Load safetensors weights in float32, refusing any tensor that is missing outside a new head.

    What may be missing next to a new head, see `may_be_missing`.

    Float32 always: transformers 5 otherwise keeps the dtype of the file, and training bfloat16 weights
    loses most updates to rounding.

    Args:
        auto_class: an `AutoModelFor…` class.
        folder: a model folder.
        config: the config to build, see `load_config`.
        new_head: whether the head is initialised anew (seed torch before).

    Raises:
        BaseModelError: weights are missing, of another shape, or unreadable.
    """
    import torch

    quiet_libraries()
    try:
        model, report = auto_class.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=new_head,
            output_loading_info=True,
            **SAFE,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        raise BaseModelError(f"{folder}: the weights do not load: {first_line(error)}") from error
    head = head_names(model) if new_head else ()
    reshaped = {str(entry[0]) for entry in report["mismatched_keys"]}
    missing_tensors = sorted(
        {key for key in report["missing_keys"] if not (new_head and may_be_missing(model, head, key))}
        | {key for key in reshaped if not is_within(key, head)}
    )
    if missing_tensors:
        raise BaseModelError(
            [f"{folder}: tensor `{key}` is missing or has another shape" for key in missing_tensors[:20]]
        )
    if new_head:
        draw_head(model, head)
    state_tied_head(model)
    return model.train(False)


def start_model(auto_class: Any, folder: Path, config: Any, start: "ModelInit") -> "PreTrainedModel":
    """The base's weights with a new head, or the architecture with random weights; float32, in eval mode.

    New parameters are drawn from torch's global generator: seed it before. Raises `BaseModelError`.
    """
    import torch

    if start.init == "pretrained":
        return load_weights(auto_class, folder, config, new_head=True)
    config.architectures = config.architectures or []
    try:
        model: PreTrainedModel = auto_class.from_config(config, dtype=torch.float32)
    except (ValueError, ImportError) as error:
        raise BaseModelError(f"{folder}: the model cannot be built: {first_line(error)}") from error
    return model.train(False)


def load_image_processor(folder: Path) -> Any:
    """Load the image processor with its Pillow backend: torchvision's gives slightly different pixels.

    Raises:
        BaseModelError: there is none, or it does not load.
    """
    from transformers import AutoImageProcessor

    quiet_libraries()
    try:
        return AutoImageProcessor.from_pretrained(folder, backend="pil", **SAFE)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise BaseModelError(f"{folder}: the image processor does not load: {first_line(error)}") from error


def load_tokenizer(
    folder: Path, max_length: int, *, split_into_words: bool = False
) -> "PreTrainedTokenizerBase":
    """Load the tokenizer and make `max_length` (tokens) its own limit, so that all users truncate alike.

    Args:
        folder: with its files.
        max_length: longest input, tokens.
        split_into_words: whether it is given words: a byte-level one then puts a space before each.

    Raises:
        BaseModelError: there is no tokenizer, or it has no padding token.
    """
    from transformers import AutoTokenizer

    quiet_libraries()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
        if split_into_words and getattr(tokenizer, "add_prefix_space", None) is False:
            tokenizer = AutoTokenizer.from_pretrained(folder, add_prefix_space=True, **SAFE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseModelError(f"{folder}: the tokenizer does not load: {first_line(error)}") from error
    set_max_length(tokenizer, folder, max_length)
    return tokenizer


def set_max_length(tokenizer: "PreTrainedTokenizerBase", folder: Path, max_length: int) -> None:
    """Make `max_length` (tokens) the tokenizer's own limit, and make sure that it can pad.

    Raises:
        BaseModelError: it has neither a padding nor an end token.
    """
    tokenizer.model_max_length = max_length
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise BaseModelError(
                f"{folder}: the tokenizer has neither a padding nor an end token; give it one"
            )
        tokenizer.pad_token = tokenizer.eos_token


def mean_pool(hidden: "torch.Tensor", attention_mask: "torch.Tensor") -> "torch.Tensor":
    """Mean of the hidden states over real tokens: `[B, L, H]`, `[B, L]` → `[B, H]`."""
    weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def first_line(error: BaseException) -> str:
    """The first line of an error's text, enough to name the cause."""
    return str(error).strip().split("\n", 1)[0]
