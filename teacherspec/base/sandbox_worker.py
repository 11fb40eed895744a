"""The child process of `sandboxed_load`: runs under limits, on files that may be hostile."""

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError, DataError
from teacherspec.splits import Split, open_split
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POSITION_TABLE = re.compile(r"(^|\.)(position_embeddings?|embed_positions|wpe)$")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json")
SAFE = {"trust_remote_code": False, "local_files_only": True}


@dataclass(frozen=True)
class Request:
    """What to load and to try.

    Attributes:
        folder: the base.
        task: the declared task, or None to try no rows.
        splits: the rows.
        with_weights: whether the files of weights are compared with the config.
    """

    folder: Path
    task: Kind | None
    splits: Mapping[str, Split]
    with_weights: bool


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


def _build(folder: Path, with_weights: bool) -> Generator[tuple[str, Any], None, dict[str, Any]]:
    """Shapes of the backbone, compared with the files where they contain its weights."""
    from torch import nn
    from transformers import AutoConfig

    yield "step", "config.json"
    config = AutoConfig.from_pretrained(folder, **SAFE)
    yield "step", "building the architecture"
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


def _tokenize(folder: Path) -> Generator[tuple[str, Any], None, int | None]:
    """Load the tokenizer, render its chat templates; highest token id plus one."""
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return None
    yield "step", "tokenizer"
    tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
    if tokenizer.chat_template:
        yield "step", "chat template"
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


def run(request: Request) -> Iterator[tuple[str, Any]]:
    """Load the base and try it on the rows.

    Yields:
        `("step", name)` before each step; then `("built", dict)`, or `("refused", error)` where the task
        itself says what is wrong with rows or base.
    """
    built = yield from _build(request.folder, request.with_weights)
    built["tokens"] = yield from _tokenize(request.folder)
    try:
        if request.task is not None:
            for name, split in request.splits.items():
                for step in request.task.probe_processor(request.folder, open_split(split)):
                    yield "step", f"{step}, rows of {name}"
    except (BaseModelError, DataError) as error:
        yield "refused", error
        return
    yield "built", built
