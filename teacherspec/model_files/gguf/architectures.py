"""Compares what a GGUF file states with what the reader of transformers makes of it, before it is read.

That reader ignores settings and tensors that it does not know, and takes its own defaults for settings that
are missing: the model would compute something else, without an error. So a file passes only where every
setting of its architecture is read, and its tensors are exactly those of the model, in their shapes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teacherspec.model_files.gguf.header import TEXT, Array, Header

REQUIRED = (
    "context_length",
    "block_count",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.layer_norm_rms_epsilon",
)
READ = frozenset(
    {*REQUIRED, "rope.freq_base", "rope.dimension_count", "attention.key_length", "attention.value_length"}
    | {"vocab_size"}
)
NOTHING = (0, False, "", "none")
"""Values of other settings that change nothing."""

DIGITS_FIRST = frozenset({"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"})
"""Values of `tokenizer.ggml.pre` under which each digit is a word of its own, and the rest as for GPT-2."""

AS_GPT2 = frozenset({"gpt-2", "mpt", "olmo", "jais"})
READ_WORDS = frozenset(
    {"llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral", "tekken", "qwen2", "deepseek-r1-qwen"}
)
"""Values for which transformers has the pattern (`GGUF_PRE_TOKENIZER_SPLITS`)."""

OTHERWISE = "choose safetensors instead"
IDS = ("bos", "eos", "unknown", "padding")


@dataclass(frozen=True)
class Architecture:
    """What distinguishes the architectures that are read.

    Attributes:
        biases: projections of attention that have a bias.
        head_norms: whether queries and keys are normalised.
        free_head: whether heads may be wider or narrower than the embedding divided by their number.
    """

    biases: tuple[str, ...] = ()
    head_norms: bool = False
    free_head: bool = True


ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(),
    "qwen2": Architecture(biases=("attn_q", "attn_k", "attn_v"), free_head=False),
    "qwen3": Architecture(head_norms=True),
}
"""Architectures for which tests prove equal logits. Mistral's files state `llama`."""


def problems(header: Header) -> Iterator[str]:
    """What forbids to read a file with this header; each completes the sentence `<file>: …`."""
    name = str(header.settings.get("general.architecture"))
    if name not in ARCHITECTURES:
        yield f"is of architecture {name!r:.60}; read are {', '.join(ARCHITECTURES)}: {OTHERWISE}"
        return
    own = {
        key.removeprefix(f"{name}."): value
        for key, value in header.settings.items()
        if key.startswith(f"{name}.")
    }
    yield from _unread(name, own)
    faults = list(_settings(name, own))
    yield from faults
    if not faults:
        yield from _tensors(name, own, header)
    yield from _tokenizer(header)


def head_size(name: str, header: Header) -> int:
    """Width of an attention head."""
    get = header.settings.get
    plain = get(f"{name}.embedding_length", 0) // get(f"{name}.attention.head_count", 1)
    size = get(f"{name}.attention.key_length", get(f"{name}.rope.dimension_count", plain))
    return size if isinstance(size, int) else plain


def _unread(name: str, own: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(own) - READ):
        if own[key] not in NOTHING:
            yield (
                f"setting `{name}.{key}` ({own[key]!r:.40}) would be ignored, and the model compute "
                f"something else; {OTHERWISE}"
            )


def _settings(name: str, own: Mapping[str, Any]) -> Iterator[str]:
    for key in (*REQUIRED, *sorted(READ.difference(REQUIRED).intersection(own))):
        value = own.get(key)
        number = float if key.endswith(("epsilon", "freq_base")) else int
        if type(value) is not number or not 0 < value < 1 << 32:
            yield f"setting `{name}.{key}` is {value!r:.40}; a positive number is needed"
    widths = {
        own[key]
        for key in READ
        if key.endswith(("key_length", "value_length", "dimension_count")) and key in own
    }
    if len(widths) > 1:
        yield f"heads have several widths ({sorted(map(str, widths))}); one is read"


def _tensors(name: str, own: Mapping[str, Any], header: Header) -> Iterator[str]:
    """Tensors that are missing, of another shape, or unknown."""
    if own["block_count"] > len(header.tensors):
        yield f"setting `{name}.block_count` is {own['block_count']}, with {len(header.tensors)} tensors"
        return
    size = head_size(name, header)
    if not ARCHITECTURES[name].free_head and size * own["attention.head_count"] != own["embedding_length"]:
        yield f"heads of {size} do not divide the embedding of {own['embedding_length']}"
        return
    expected = _shapes(name, own, header, size)
    optional = {"output.weight"}
    for tensor in sorted(set(expected) - set(header.tensors) - optional):
        yield f"tensor `{tensor}` is missing"
    for tensor, given in header.tensors.items():
        if tensor not in expected:
            yield f"tensor `{tensor}` is no part of {name} as it is read here; {OTHERWISE}"
        elif given.shape != expected[tensor]:
            wanted = list(expected[tensor])
            yield f"tensor `{tensor}` has shape {list(given.shape)}, the settings declare {wanted}"


def _shapes(name: str, own: Mapping[str, Any], header: Header, size: int) -> dict[str, tuple[int, ...]]:
    """Tensor → shape, as the settings declare it."""
    architecture = ARCHITECTURES[name]
    width, inner = own["embedding_length"], own["feed_forward_length"]
    queries, keys = size * own["attention.head_count"], size * own["attention.head_count_kv"]
    table = header.tensors.get("token_embd.weight")
    rows = own.get("vocab_size", table.shape[0] if table else 0)
    layer: dict[str, tuple[int, ...]] = {
        "attn_norm": (width,),
        "attn_q": (queries, width),
        "attn_k": (keys, width),
        "attn_v": (keys, width),
        "attn_output": (width, queries),
        "ffn_norm": (width,),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
    }
    if architecture.head_norms:
        layer |= {"attn_q_norm": (size,), "attn_k_norm": (size,)}
    parts = {f"{part}.weight": shape for part, shape in layer.items()}
    parts |= {f"{part}.bias": layer[part][:1] for part in architecture.biases}
    shapes = {f"blk.{n}.{part}": shape for n in range(own["block_count"]) for part, shape in parts.items()}
    whole = {
        "token_embd.weight": (rows, width),
        "output.weight": (rows, width),
        "output_norm.weight": (width,),
    }
    return shapes | whole


def _tokenizer(header: Header) -> Iterator[str]:
    get = header.settings.get
    tokens = get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Array) or tokens.type != TEXT:
        yield "has no tokenizer (`tokenizer.ggml.tokens`); choose a file that carries its own"
        return
    if get("tokenizer.ggml.model") != "gpt2":
        kind = get("tokenizer.ggml.model")
        yield f"its tokenizer is of kind {kind!r:.40}; byte-level ones (`gpt2`) are read: {OTHERWISE}"
        return
    words = get("tokenizer.ggml.pre")
    if words not in AS_GPT2 | DIGITS_FIRST | READ_WORDS:
        yield f"how `tokenizer.ggml.pre` {words!r:.40} splits a text is not known here; {OTHERWISE}"
    if not isinstance(get("tokenizer.ggml.merges"), Array):
        yield "its tokenizer has no merges (`tokenizer.ggml.merges`); choose a file that carries its own"
    table = header.tensors.get("token_embd.weight")
    if table and tokens.count > table.shape[0]:
        yield f"its tokenizer has {tokens.count} tokens, the embedding {table.shape[0]} rows"
    for name in IDS:
        number = get(f"tokenizer.ggml.{name}_token_id")
        if number is not None and (type(number) is not int or not 0 <= number < tokens.count):
            yield f"`tokenizer.ggml.{name}_token_id` is {number!r:.40}, with {tokens.count} tokens"
