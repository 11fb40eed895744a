"""The child process of `sandboxed_load`: runs under limits, on files that may be hostile."""

import os
import re
import resource
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POSITION_TABLE = re.compile(r"(^|\.)(position_embeddings?|embed_positions|wpe)$")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json")
SAFE = {"trust_remote_code": False, "local_files_only": True}


Send = Callable[[str, Any], None]
"""Sends a message, its kind and content, to the parent process."""


@dataclass(frozen=True)
class Request:
    """What to load, and within which limits."""

    folder: Path
    texts: tuple[str, ...]
    cpu_seconds: int
    memory_bytes: int
    with_weights: bool


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _positions(model: "PreTrainedModel", declared: dict[str, Any]) -> int | None:
    """Longest input in tokens: the smallest of the learned tables and what the config declares."""
    from torch import nn

    limits = [declared[key] for key in ("max_position_embeddings", "n_positions") if declared.get(key)]
    for name, module in model.named_modules():
        if POSITION_TABLE.search(name) and "vision" not in name and isinstance(module, nn.Embedding):
            # RoBERTa and similar models count positions from after the padding index.
            skipped = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - skipped)
    return min(limits, default=None)


def _build(folder: Path, with_weights: bool, send: Send) -> dict[str, Any]:
    """Shapes of the backbone, compared with the files where they contain its weights."""
    from torch import nn
    from transformers import AutoConfig

    send("step", "config.json")
    config = AutoConfig.from_pretrained(folder, **SAFE)
    send("step", "building the architecture")
    model, report = _meta_model(folder, config, with_weights)
    try:
        table = model.get_input_embeddings()
    except NotImplementedError:
        table = None
    shapes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
    return {
        "missing_values": sum(shapes.get(name, 0) for name in report["missing_keys"]),
        "architecture": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "context": _positions(model, config.get_text_config().to_dict()),
        "embeddings": table.num_embeddings if isinstance(table, nn.Embedding) else None,
        "unread": sorted(report["unexpected_keys"]),
        "reshaped": sorted(
            (name, list(given), list(wanted)) for name, given, wanted in report["mismatched_keys"]
        ),
    }


def _meta_model(folder: Path, config: Any, with_weights: bool) -> tuple[Any, dict[str, Any]]:
    """The backbone on the meta device, and how the files' tensors match it."""
    import torch
    from transformers import AutoModel

    if not with_weights:
        config.architectures = config.architectures or []
        with torch.device("meta"):
            built = AutoModel.from_config(config)
        return built, {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    model, report = AutoModel.from_pretrained(
        folder,
        config=config,
        device_map="meta",
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **SAFE,
    )
    return model, report


def _tokenize(folder: Path, texts: list[str], send: Send) -> int | None:
    """Load the tokenizer, use it on real texts, render its chat templates; highest token id plus one."""
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return None
    send("step", "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
    if texts:
        tokenizer(texts)
    if tokenizer.chat_template:
        send("step", "chat template")
        _render(tokenizer)
    return max(tokenizer.get_vocab().values(), default=-1) + 1


def _render(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Render every chat template once; a template may reject a conversation without a system role."""
    from jinja2.exceptions import SecurityError, TemplateError

    given = tokenizer.chat_template
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello."}]
    for template in given.values() if isinstance(given, dict) else [given]:
        try:
            tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
        except SecurityError:
            raise
        except TemplateError:
            continue


def run(request: Request, sender: Connection) -> None:
    """Load the base; send `("step", name)` before each step, then `("built", dict)` or `("error", line)`."""

    def send(kind: str, value: Any) -> None:
        sender.send((kind, value))

    import transformers
    from huggingface_hub import constants

    # The child must not reach the network, whatever a config names, and must not write to a terminal.
    constants.HF_HUB_OFFLINE = True
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    _limit(request.cpu_seconds, request.memory_bytes)
    try:
        built = _build(request.folder, request.with_weights, send)
        built["tokens"] = _tokenize(request.folder, list(request.texts), send)
    except MemoryError:
        send("error", "asks for more memory than allowed; choose another base")
    except BaseException as error:  # a hostile file may raise anything, including panics of Rust
        send("error", str(error).strip().split("\n", 1)[0][:300] or type(error).__name__)
    else:
        send("built", built)
