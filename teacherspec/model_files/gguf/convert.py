"""A base in one GGUF file, made into a folder as `save_pretrained` writes it; nothing of the file is run.

The file's own numbers are decoded to float32, which holds every one of them exactly as the format defines it.
The folder then goes through the same checks as any other base.
"""

import shutil
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import is_notice
from teacherspec.model_files.gguf import convert_worker
from teacherspec.model_files.gguf.architectures import head_size, problems
from teacherspec.model_files.gguf.header import Header, read_header
from teacherspec.model_files.safetensors_check import InvalidWeightsError
from teacherspec.model_files.sources.download_cache import fetch_once
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.bounded_child import Limits, run_bounded

CPU_LIMIT_SECONDS = 180
VALUES_PER_SECOND = 2_000_000
"""Weights for which the child gets a second more. It decodes ten times as many."""

MEMORY_LIMIT_BYTES = 4 << 30
COPIES = 3
"""How often the child may have all weights in memory as float32: read, in the model, on the way to disk."""

FLOAT32_BYTES = 4
WALL_FACTOR = 7.5
PROBLEMS_SHOWN = 20


def convert_once(file: Path, cache: Path) -> Path:
    """The folder of a GGUF file's model, converted on first use.

    Args:
        file: the GGUF; licences and `README.md` in its folder go with it.
        cache: parent folder of all downloaded bases.

    Raises:
        BaseModelError: there is no such file, its header is refused, the library gguf is missing, or reading
            it fails or takes more than it may.
    """
    header = _checked_header(file)
    try:
        import gguf  # noqa: F401  (transformers reads with it)
    except ImportError as error:
        raise BaseModelError(
            f"{file}: base.source.gguf needs the library gguf ({error}); run "
            "`pip install 'teacherspec[gguf]'`, or choose safetensors"
        ) from error
    notices = sorted(path for path in file.parent.iterdir() if is_notice(path.name) and path.is_file())
    hashes = {path.name: sha256_file(path) for path in [file, *notices]}
    libraries = {name: version(name) for name in ("gguf", "transformers")}
    return fetch_once({"converted": hashes, "by": libraries}, cache, partial(_convert, file, header, notices))


def describe(file: Path) -> dict[str, Any]:
    """What the manifest states of a GGUF file: name, size, hash, and how many tensors it has of which type.

    Raises:
        BaseModelError: its header is refused.
    """
    header = _checked_header(file)
    return {
        "file": file.name,
        "bytes": file.stat().st_size,
        "sha256": sha256_file(file),
        "tensors": header.types,
        "license": header.settings.get("general.license"),
    }


def _checked_header(file: Path) -> Header:
    if not file.is_file():
        found = ", ".join(sorted(path.name for path in file.parent.glob("*.gguf"))[:PROBLEMS_SHOWN]) or "none"
        raise BaseModelError(f"{file}: base.source.gguf: no such file; GGUF files there: {found}")
    try:
        header = read_header(file)
    except InvalidWeightsError as error:
        raise BaseModelError(f"{file}: {error}") from error
    if wrong := [f"{file}: {text}" for text in problems(header)]:
        raise BaseModelError(wrong[:PROBLEMS_SHOWN])
    return header


def _convert(file: Path, header: Header, notices: list[Path], folder: Path) -> None:
    name = header.settings["general.architecture"]
    words, tokens = (header.settings[f"tokenizer.ggml.{key}"] for key in ("pre", "tokens"))
    head = head_size(name, header)
    request = convert_worker.Request(file.resolve(), folder.resolve(), name, words, tokens.count, head)
    seconds = CPU_LIMIT_SECONDS + header.values // VALUES_PER_SECOND
    memory = MEMORY_LIMIT_BYTES + file.stat().st_size + COPIES * FLOAT32_BYTES * header.values
    outcome = run_bounded(
        convert_worker.run, request, Limits(seconds, memory, WALL_FACTOR * seconds, writes=True)
    )
    steps = [value for kind, value in outcome.messages if kind == "step"]
    missing = [name for kind, value in outcome.messages if kind == "missing" for name in value]
    failure = outcome.failure or (f"lacks {', '.join(missing[:5])}" if missing else None)
    if failure:
        step = steps[-1] if steps else "importing transformers"
        raise BaseModelError(f"{file}: {step}: {failure}; choose another file, or safetensors")
    for notice in notices:
        shutil.copyfile(notice, folder / notice.name)
