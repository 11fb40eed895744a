"""Bases that a stranger might hand over: each maker spoils a good folder in one way.

Every entry gives a name, how to spoil the folder, and a piece of the refusal that must appear. `CANARY`
is a file that code hidden in a folder would write; a test asserts that nothing did.
"""

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

CANARY = "canary-was-here"
Spoil = Callable[[Path], None]


class Evil:
    """Writes the canary when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.target,)


def edit(name: str, **changes: Any) -> Spoil:
    """Change keys of a JSON file."""

    def spoil(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def write(name: str, content: bytes) -> Spoil:
    """Put a file there, or replace one."""

    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return spoil


def evil_pickle(name: str, with_weights: bool) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(pickle.dumps(Evil(folder.parent / CANARY)))
        if not with_weights:
            (folder / "model.safetensors").unlink(missing_ok=name != "model.safetensors")

    return spoil


def pickle_as_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Evil(folder.parent / CANARY)) + b" " * 64)


def evil_code(folder: Path) -> None:
    body = f"import os\nos.mkdir({str(folder.parent / CANARY)!r})\n"
    (folder / "modeling_evil.py").write_text(body)
    edit("config.json", auto_map={"AutoModel": "modeling_evil.Evil", "AutoConfig": "modeling_evil.Evil"})(
        folder
    )


def link(name: str, target: str) -> Spoil:
    def spoil(folder: Path) -> None:
        outside = folder.parent / "outside"
        outside.mkdir()
        (folder / name).rename(outside / name)
        (folder / name).symlink_to(target.format(name=name, outside=outside))

    return spoil


def fifo(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def shards(weight_map: Callable[[dict[str, str]], dict[str, str]]) -> Spoil:
    """Split the weights in two files with an index, and spoil the index."""

    def spoil(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").rename(folder.parent / "x.safetensors")
        names = sorted(tensors)
        halves = {
            "model-00001-of-00002.safetensors": names[: len(names) // 2],
            "model-00002-of-00002.safetensors": names[len(names) // 2 :],
        }
        for file, held in halves.items():
            save_file({name: tensors[name] for name in held}, folder / file)
        mapping = {name: file for file, held in halves.items() for name in held}
        index = {"metadata": {}, "weight_map": weight_map(mapping)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return spoil


def raw_header(header: Any, body: bytes = b"", length: int | None = None) -> Spoil:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return write(
        "model.safetensors", struct.pack("<Q", len(text) if length is None else length) + text + body
    )


def tensors(change: Callable[[dict[str, Any]], None]) -> Spoil:
    def spoil(folder: Path) -> None:
        held = {name: np.array(value) for name, value in load_file(folder / "model.safetensors").items()}
        change(held)
        save_file(held, folder / "model.safetensors")

    return spoil


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def trailing(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"hidden")


def set_value(name: str, value: float) -> Spoil:
    def change(held: dict[str, Any]) -> None:
        held[name].reshape(-1)[-1] = value

    return tensors(change)


def many(folder: Path) -> None:
    for index in range(30):
        (folder / f"extra-{index:02d}.bin").write_bytes(b"x")


def float8(folder: Path) -> None:
    raw_header({"w": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}, b"\0\0")(folder)


EMBEDDING = "embeddings.word_embeddings.weight"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 99\n"
TWO = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000


def growing(*steps: tuple[dict[str, str], str]) -> Spoil:
    """A normaliser of these replacements."""

    def spoil(folder: Path) -> None:
        path = folder / "tokenizer.json"
        content = json.loads(path.read_text())
        normalizers = [
            {"type": "Replace", "pattern": pattern, "content": becomes} for pattern, becomes in steps
        ]
        content["normalizer"] = {"type": "Sequence", "normalizers": normalizers}
        path.write_text(json.dumps(content))

    return spoil


AT_THE_GATE: dict[str, tuple[Spoil, str]] = {
    "pickle instead of weights": (
        evil_pickle("pytorch_model.bin", False),
        "pytorch_model.bin: may contain a pickle",
    ),
    "pickle next to weights": (
        evil_pickle("pytorch_model.bin", True),
        "pytorch_model.bin: may contain a pickle",
    ),
    "training arguments": (evil_pickle("training_args.bin", True), "training_args.bin: may contain a pickle"),
    "pickle named safetensors": (pickle_as_weights, "model.safetensors: is a pickle, whatever its name"),
    "code": (evil_code, "modeling_evil.py: is code"),
    "auto_map in config": (evil_code, "config.json: auto_map: it makes loading run code"),
    "auto_map in tokenizer": (
        edit("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]}),
        "tokenizer_config.json: auto_map: it makes loading run code",
    ),
    "index outside": (
        shards(lambda named: named | {EMBEDDING: "../x.safetensors"}),
        "index.json: names '../x.safetensors', which is not a weights file of this folder",
    ),
    "index absolute": (
        shards(lambda named: named | {EMBEDDING: "/etc/x.safetensors"}),
        "index.json: names '/etc/x.safetensors'",
    ),
    "index of another shard": (
        shards(lambda named: dict.fromkeys(named, "model-00001-of-00002.safetensors")),
        "index.json: does not name `model-00002-of-00002.safetensors`",
    ),
    "index leaves a tensor out": (
        shards(lambda named: {name: file for name, file in named.items() if name != EMBEDDING}),
        f"index.json: does not name tensor `{EMBEDDING}`",
    ),
    "index is no mapping": (shards(list), "`weight_map` does not map names"),  # type: ignore[arg-type]
    "linked weights": (link("model.safetensors", "{outside}/{name}"), "model.safetensors: is a link to"),
    "relative link": (link("config.json", "../outside/{name}"), "config.json: is a link to ../outside"),
    "pipe as weights": (fifo, "model.safetensors: is a pipe, socket or device"),
    "LFS pointer as weights": (write("model.safetensors", LFS), "model.safetensors: is a Git LFS pointer"),
    "LFS pointer as config": (write("config.json", LFS), "config.json: is a Git LFS pointer"),
    "LFS pointer as tokenizer": (write("tokenizer.json", LFS), "tokenizer.json: is a Git LFS pointer"),
    "empty weights": (write("model.safetensors", b""), "model.safetensors: is empty"),
    "five bytes": (write("model.safetensors", b"12345"), "model.safetensors: has 5 bytes"),
    "giant header": (raw_header(b"{}", length=2**60), "its header claims 1152921504606846976 bytes"),
    "header is no JSON": (raw_header(b"{nope"), "its header is not valid JSON"),
    "deep header": (raw_header(DEEP), "its header is not valid JSON"),
    "name twice": (raw_header(b'{"a":1,"a":2}'), "a key is given twice"),
    "overlap": (
        raw_header(TWO | {"b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, b"\0" * 12),
        "tensor `b` overlaps the one before it",
    ),
    "gap": (
        raw_header(TWO | {"b": {"dtype": "F32", "shape": [2], "data_offsets": [9, 17]}}, b"\0" * 17),
        "tensor `b` overlaps the one before it or leaves a gap",
    ),
    "size and offsets differ": (
        raw_header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}}, b"\0" * 8),
        "needs 4398046511104 bytes, its offsets give 8",
    ),
    "endless shape": (
        raw_header({"a": {"dtype": "F32", "shape": [2**40] * 100_000, "data_offsets": [0, 8]}}, b"\0" * 8),
        "tensor `a` has no valid dtype, shape and data_offsets",
    ),
    "negative shape": (
        raw_header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}}, b"\0" * 8),
        "tensor `a` has no valid dtype, shape and data_offsets",
    ),
    "quantised tensor": (float8, "tensor `w` is F8_E4M3"),
    "cut": (cut, "model.safetensors: its tensors end at byte"),
    "trailing bytes": (trailing, "it is truncated or contains other data"),
    "NaN": (set_value(EMBEDDING, np.nan), f"tensor `{EMBEDDING}` contains NaN or an infinity"),
    "infinity": (set_value(EMBEDDING, -np.inf), f"tensor `{EMBEDDING}` contains NaN or an infinity"),
    "huge width": (edit("config.json", hidden_size=10_000_000), "hidden_size: 10000000 is not possible"),
    "negative vocabulary": (edit("config.json", vocab_size=-5), "vocab_size: -5 is not possible"),
    "negative depth": (edit("config.json", num_hidden_layers=-1), "num_hidden_layers: -1 is not possible"),
    "endless depth": (edit("config.json", num_hidden_layers=10**9), "num_hidden_layers: 1000000000 is not"),
    "size as text": (edit("config.json", hidden_size="32"), 'hidden_size: "32" is not possible'),
    "kernel from the hub": (
        edit("config.json", attn_implementation="org/kernel"),
        "attn_implementation: it chooses kernels or attention code from outside",
    ),
    "kernel in private key": (
        edit("config.json", _attn_implementation_internal="org/kernel"),
        "_attn_implementation_internal: is private to the loading library",
    ),
    "experts in private key": (
        edit("config.json", _experts_implementation="x"),
        "_experts_implementation: is private to the loading library",
    ),
    "kernel in a nested config": (
        edit("config.json", text_config={"attn_implementation": "org/kernel"}),
        "text_config.attn_implementation: it chooses kernels",
    ),
    "quantisation": (
        edit("config.json", quantization_config={"quant_method": "gptq"}),
        "quantization_config: a quantised base cannot be fine-tuned",
    ),
    "other weights file": (
        edit("config.json", transformers_weights="x.bin"),
        "transformers_weights: it makes",
    ),
    "path in config": (edit("config.json", some_file="../../etc/passwd"), "some_file: names a location"),
    "path in a nested list": (edit("config.json", some=[[["a/b"]]]), "some: names a location"),
    "deep lists": (
        edit("config.json", some=[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]),
        "nests deeper than 20",
    ),
    "vocabulary elsewhere": (
        edit("tokenizer_config.json", vocab_file="/etc/passwd"),
        "vocab_file: names a file",
    ),
    "config is no JSON": (write("config.json", b"{"), "config.json: is not valid JSON"),
    "config is a list": (write("config.json", b"[]"), "config.json: is not a JSON object"),
    "deep config": (write("config.json", DEEP), "config.json: is not valid JSON"),
    "config in UTF-16": (write("config.json", '{"a": 1}'.encode("utf-16")), "config.json: is not valid JSON"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json: missing"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors: missing"),
    "word that grows": (
        growing(*[({"String": "zebra"}, "zebra " * 300)] * 4),
        "tokenizer.json: normalizer: makes 1.68e+10 characters of one",
    ),
    "letters that grow in turn": (
        growing(({"String": "q"}, "w" * 90), ({"String": "w"}, "q" * 90)),
        "normalizer: makes 8.1e+03 characters of one",
    ),
    "pattern across copies": (
        growing(({"String": "q"}, "zy" * 90), ({"String": "yz"}, "k" * 90)),
        "normalizer: makes 8.1e+03 characters of one",
    ),
    "expression that grows": (growing(*[({"Regex": "."}, "ab" * 40)] * 2), "normalizer: makes 6.4e+03"),
    "one long replacement": (growing(({"String": "q"}, "w" * 5_000)), "normalizer: makes 5e+03"),
    "adapter": (write("adapter_config.json", b"{}"), "adapter_config.json: belongs to an adapter"),
    "hidden file": (write(".gitattributes", b"x"), ".gitattributes: is hidden"),
    "folder": (write("original/params.json", b"{}"), "original: is a folder"),
    "code among the chat templates": (
        write("additional_chat_templates/tool_use.py", b"x"),
        "tool_use.py: is code",
    ),
    "folder among the chat templates": (
        write("additional_chat_templates/more/tool_use.jinja", b"x"),
        "additional_chat_templates/more: is a folder",
    ),
    "pickle in the pooling folder": (
        write("1_Pooling/pytorch_model.bin", b"x"),
        "pytorch_model.bin: may contain",
    ),
    "unknown file": (write("notes.doc", b"x"), "notes.doc: is not among the files a base consists of"),
    "ambiguous weights": (write("consolidated.safetensors", b"x"), "would not be read"),
    "thirty faults": (many, "10 more problems like these"),
}
"""Spoilers that the gate refuses without loading anything."""


def bigger_vocabulary(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["unheard-of"] = 500
    path.write_text(json.dumps(content))


def wide_regex(folder: Path) -> None:
    """A pre-tokenizer whose regular expression backtracks without end on ordinary text.

    The library gives up after some million steps, by a panic that no `except Exception` would catch.
    """
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": "(?:\\w+\\s?)+(?<=\\d)"},
        "behavior": "Isolated",
        "invert": False,
    }
    path.write_text(json.dumps(content))


LOOP = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    "{% endfor %}{% endfor %}{% endfor %}"
)
GROWTH = (
    "{% set ns = namespace(x='ab' * 50000) %}{% for a in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
)
ESCAPE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"

IN_REHEARSAL: dict[str, tuple[Spoil, str]] = {
    "unknown architecture": (edit("config.json", model_type="nonesuch"), "nonesuch"),
    "another width": (
        edit("config.json", intermediate_size=48),
        "has shape [64, 32], config.json declares [48, 32]",
    ),
    "no heads": (edit("config.json", num_attention_heads=0), "building the architecture"),
    "larger tokenizer": (
        bigger_vocabulary,
        "the tokenizer has token ids up to 500, the embedding only 26 rows",
    ),
    "broken tokenizer": (write("tokenizer.json", b'{"version": "1.0"}'), "tokenizer: "),
    "endless regular expression": (wide_regex, "Onig: Regex search error"),
    "endless chat template": (
        write("chat_template.jinja", LOOP.encode()),
        "chat template: takes longer than",
    ),
    "growing chat template": (
        write("chat_template.jinja", GROWTH.encode()),
        "chat template: ",  # of memory or of time, whichever the machine runs out of first
    ),
    "escaping chat template": (write("chat_template.jinja", ESCAPE.encode()), "chat template: "),
    "including chat template": (
        write("chat_template.jinja", b"{% include '/etc/passwd' %}"),
        "chat template: ",
    ),
}
"""Spoilers that pass the gate and are found by building the base in the limited child."""
