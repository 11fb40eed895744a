"""The child process of `convert`: transformers' own reader, under limits, on a file that may be hostile."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.model_files.gguf.architectures import DIGITS_FIRST

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ALONE = "model.gguf"


@dataclass(frozen=True)
class Request:
    """What to convert.

    Attributes:
        file: a GGUF whose header passed the checks.
        target: the folder to write to.
        architecture: as the file states it.
        words: `tokenizer.ggml.pre`: how the tokenizer splits a text.
        tokens: how many the tokenizer has.
        head_size: width of an attention head.
    """

    file: Path
    target: Path
    architecture: str
    words: str
    tokens: int
    head_size: int


def run(request: Request) -> Iterator[tuple[str, Any]]:
    """Write config, weights in float32 and tokenizer as `save_pretrained` does.

    Yields:
        `("step", name)` before each step, then `("missing", names)`: parameters that the file does not have.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    # In a folder of its own: loading also looks for other files next to the one that it is given.
    with tempfile.TemporaryDirectory(dir=request.target.parent) as folder:
        Path(folder, ALONE).symlink_to(request.file.resolve())
        where: dict[str, Any] = {"gguf_file": ALONE, "trust_remote_code": False, "local_files_only": True}
        yield "step", "its settings"
        config = AutoConfig.from_pretrained(folder, **where)
        config.head_dim = request.head_size  # qwen3's is not read
        vars(config).pop("_model_name_or_path", None)  # a title
        if config.model_type != request.architecture:
            # Called "mistral", a Llama becomes one, whose tensors gguf cannot name, with a window of 4096.
            own = {"model_type", "architectures", "sliding_window"}
            same = {name: value for name, value in config.to_dict().items() if name not in own}
            config = AutoConfig.for_model(request.architecture, **same)
        yield "step", "its weights"
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),  # and nothing of it in what is saved
            output_loading_info=True,
            **where,
        )
        yield "missing", sorted(set(report["missing_keys"]) - set(model.all_tied_weights_keys))
        yield "step", "its tokenizer"
        tokenizer = AutoTokenizer.from_pretrained(folder, **where)
    yield "step", "writing safetensors"
    model.save_pretrained(request.target)
    _as_stored(tokenizer, request).save_pretrained(request.target)


def _as_stored(tokenizer: "PreTrainedTokenizerBase", request: Request) -> "PreTrainedTokenizerBase":
    """The tokenizer with the tokens of the file and no other, and its words split as the file says."""
    from tokenizers import Tokenizer, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    stored = json.loads(tokenizer.backend_tokenizer.to_str())
    # transformers adds `<|endoftext|>` where a file has none: a token beyond the embedding.
    stored["added_tokens"] = [token for token in stored["added_tokens"] if token["id"] < request.tokens]
    backend = Tokenizer.from_str(json.dumps(stored))
    if request.words in DIGITS_FIRST:  # not known to transformers
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    ends = {name: getattr(tokenizer, name) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    given = {name: token for name, token in ends.items() if token is not None}
    return PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=tokenizer.chat_template, **given)
