"""Checks safetensors files: headers before any tensor, then every tensor once, in small chunks.

Format: https://huggingface.co/docs/safetensors/index#format — eight bytes little-endian header length,
a JSON header, then the tensors' bytes without gaps.
"""

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HEADER_LIMIT_BYTES = 25_000_000
"""Longest header accepted; the largest public shards stay below a tenth of it."""

DIMENSIONS_LIMIT = 16
SIZE_LIMIT = 1 << 48
"""Bounds of a shape: the product of a longer one would be work in itself."""

CHUNK_BYTES = 1 << 22
LFS_POINTER = b"version https://git-lfs"

INTEGER_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8}
# Word type and exponent bits: a float is not finite when all its exponent bits are set.
FLOATS: dict[str, tuple[str, int]] = {
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
    "F32": ("<u4", 0x7F80_0000),
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
}
DTYPE_BYTES = INTEGER_BYTES | {name: np.dtype(word).itemsize for name, (word, _) in FLOATS.items()}
TENSOR_NAME = re.compile(r"[\w.:\-\[\]()<> ]{1,512}")


class InvalidWeightsError(ValueError):
    """A file does not match its name or header; the text completes the sentence `<file>: …`."""


@dataclass(frozen=True)
class Tensor:
    """One entry of a header.

    Attributes:
        dtype: safetensors name of the element type, such as `F32`.
        shape: sizes of the dimensions.
        begin: first byte, counted from the start of the file.
        end: first byte after it.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Hook for `json.loads`: a key given twice means two readers may see two files."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in the order of their bytes; reads no tensor.

    Raises:
        InvalidWeightsError: the file is empty, truncated, has gaps or a header that does not match its bytes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
        _refuse_other_formats(start, size)
        (length,) = struct.unpack("<Q", start[:8])
        if length > min(HEADER_LIMIT_BYTES, size - 8):
            raise InvalidWeightsError(
                f"its header claims {length} bytes, the file has {size}; it is truncated or not safetensors"
            )
        file.seek(8)
        text = file.read(length)
    try:
        entries = json.loads(text, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise InvalidWeightsError(f"its header is not valid JSON ({error})") from error
    if not isinstance(entries, dict):
        raise InvalidWeightsError("its header is not a JSON object")
    entries.pop("__metadata__", None)
    tensors = {name: _tensor(name, entry, 8 + length) for name, entry in entries.items()}
    ordered = dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)))
    _require_gapless(ordered, 8 + length, size)
    return ordered


def _refuse_other_formats(start: bytes, size: int) -> None:
    if size < 8:
        raise InvalidWeightsError(f"has {size} bytes, too few for safetensors; fetch it again")
    if start == LFS_POINTER:
        raise InvalidWeightsError("is a Git LFS pointer, not the weights; run `git lfs pull`")
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")):
        raise InvalidWeightsError("is a pickle, whatever its name; convert the weights to safetensors")


def _tensor(name: str, entry: Any, offset: int) -> Tensor:
    """Check one header entry on its own."""
    if not TENSOR_NAME.fullmatch(name):
        raise InvalidWeightsError(f"tensor {name[:60]!r} has an unusual name")
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if len(
            shape
        ) <= DIMENSIONS_LIMIT and all(type(n) is int and 0 <= n <= SIZE_LIMIT for n in shape):
            pass
        case _:
            raise InvalidWeightsError(f"tensor `{name}` has no valid dtype, shape and data_offsets")
    if dtype not in DTYPE_BYTES:
        raise InvalidWeightsError(
            f"tensor `{name}` is {dtype[:20]}; allowed: {', '.join(DTYPE_BYTES)} (no quantised weights)"
        )
    expected = math.prod(shape) * DTYPE_BYTES[dtype]
    if not 0 <= begin <= end or end - begin != expected:
        raise InvalidWeightsError(
            f"tensor `{name}` of shape {shape} needs {expected} bytes, its offsets give {end - begin}"
        )
    return Tensor(dtype, tuple(shape), offset + begin, offset + end)


def _require_gapless(ordered: Mapping[str, Tensor], start: int, size: int) -> None:
    """Tensors must fill the file exactly: overlaps and hidden bytes are refused."""
    position = start
    for name, tensor in ordered.items():
        if tensor.begin != position:
            raise InvalidWeightsError(f"tensor `{name}` overlaps the one before it or leaves a gap")
        position = tensor.end
    if position != size:
        raise InvalidWeightsError(
            f"its tensors end at byte {position}, the file has {size}; it is truncated or contains other data"
        )


def not_finite(path: Path, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """Names of the tensors that hold NaN or an infinity; memory stays below two chunks."""
    with path.open("rb") as file:
        for name, tensor in tensors.items():
            if tensor.dtype not in FLOATS:
                continue
            word, exponent = FLOATS[tensor.dtype]
            file.seek(tensor.begin)
            for begin in range(tensor.begin, tensor.end, CHUNK_BYTES):
                words = np.frombuffer(file.read(min(CHUNK_BYTES, tensor.end - begin)), dtype=word)
                mask = words.dtype.type(exponent)
                if bool(((words & mask) == mask).any()):
                    yield name
                    break
