"""The files a base may consist of. An allow-list: other files are refused or not copied."""

import fnmatch
import re

NAMES = frozenset(
    {
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "config.json",
        "generation_config.json",
        "merges.txt",
        "model.safetensors.index.json",
        "preprocessor_config.json",
        "processor_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
        "vocab.json",
        "vocab.txt",
        "README.md",
        # What sentence-transformers adds; transformers reads none of it.
        "config_sentence_transformers.json",
        "modules.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    }
)
FOLDERS = frozenset({"1_Pooling", "2_Normalize", "additional_chat_templates"})
NAMED_TEMPLATE = re.compile(r"additional_chat_templates/\w[\w-]{0,63}\.jinja", re.ASCII)
"""Where transformers 5 saves the chat templates of a base that has several."""

WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
LEGAL = re.compile(r"(LICEN[CS]E|NOTICE|COPYING|USE_POLICY)(\.md|\.txt)?")

REASONS = (
    (".*", "is hidden; remove it"),
    ("*.py", "is code, and nothing of a base is ever run; remove it"),
    ("adapter_*", "belongs to an adapter, which is not a base; merge it into its base first"),
    (
        "*.safetensors",
        "contains tensors that would not be read; weights are `model.safetensors` or its shards",
    ),
    (
        "*.gguf",
        "contains weights in another format; name it in `base.source.gguf` to have it read, or remove it",
    ),
    ("*.onnx", "contains weights in another format; convert them to safetensors"),
)
PICKLES = (
    "*.bin",
    "*.ckpt",
    "*.h5",
    "*.joblib",
    "*.msgpack",
    "*.np[yz]",
    "*.pickle",
    "*.pkl",
    "*.pt",
    "*.pth",
)


def is_weights(name: str) -> bool:
    """Whether `name` is a weights file: `model.safetensors` or one of its shards."""
    return WEIGHTS.fullmatch(name) is not None


def is_allowed(name: str) -> bool:
    """Whether a base may hold the file `name` (relative to its folder, `/` between parts)."""
    patterns = (WEIGHTS, LEGAL, NAMED_TEMPLATE)
    return name in NAMES or any(pattern.fullmatch(name) for pattern in patterns)


def is_notice(name: str) -> bool:
    """Whether `name` is a licence or the README, which belong to weights in any format."""
    return name == "README.md" or LEGAL.fullmatch(name) is not None


def is_wanted(name: str, gguf: str | None) -> bool:
    """Whether a source's file `name` is fetched: those of a base, or its one GGUF and notices."""
    return is_allowed(name) if gguf is None else name == gguf or is_notice(name)


def why_refused(name: str) -> str:
    """What is wrong with a file that is not allowed, and what to do about it."""
    last = name.rsplit("/", 1)[-1]
    if any(fnmatch.fnmatch(last, pattern) for pattern in PICKLES):
        return "may contain a pickle, which runs code when read; convert weights to safetensors and remove it"
    for pattern, reason in REASONS:
        if fnmatch.fnmatch(last, pattern):
            return reason
    return "is not among the files a base consists of; remove it"
