"""Reads the header of a GGUF file: settings and the table of tensors, compared with the bytes of the file.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Every count and length is compared with
what the file still holds before anything of that size is read; of long arrays only the length is kept.
"""

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from teacherspec.model_files.safetensors_check import (
    LFS_POINTER,
    SIZE_LIMIT,
    TENSOR_NAME,
    InvalidWeightsError,
    Tensor,
)

VERSIONS = (2, 3)
MAGIC = b"GGUF"
COUNT_LIMIT = 1 << 16
"""Most settings and most tensors; public files have about a hundred and a few thousand."""

HEADER_LIMIT_BYTES = 128 << 20
"""Longest header accepted: vocabulary and merges of 256,000 tokens have about 12 million bytes."""

NAME_LIMIT_BYTES = 512
TEXT_LIMIT_BYTES = 1 << 20
"""Longest text of a setting, such as a chat template, and longest token."""

TEXTS_LIMIT = 1 << 21
"""Most texts of an array; the merges of the largest public vocabularies are half a million."""

KEPT_NUMBERS = 1 << 10
DIMENSIONS_LIMIT = 4
ALIGNMENT = 32
ALIGNMENT_LIMIT = 1 << 16
KEY = re.compile(r"[\w.-]{1,512}", re.ASCII)

TEXT, ARRAY = 8, 9
NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
"""Type of a setting → its code for `struct`."""

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    30: ("BF16", 1, 2),
}
"""Type of a tensor → its name, values in a block, bytes of a block (`ggml.h`: `enum ggml_type`)."""


@dataclass(frozen=True)
class Array:
    """An array of which only the length is known.

    Attributes:
        type: type of its elements, as in the file.
        count: how many it has.
    """

    type: int
    count: int


@dataclass(frozen=True)
class Header:
    """What a GGUF file states, all of it possible for its size.

    Attributes:
        settings: by key: numbers, texts, short lists of numbers, otherwise `Array`.
        tensors: by name, in the order of their bytes; `dtype` is the name of the ggml type.
    """

    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def values(self) -> int:
        """Number of weights."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors.values())

    @property
    def types(self) -> dict[str, int]:
        """Number of tensors by ggml type, sorted by its name."""
        names = [tensor.dtype for tensor in self.tensors.values()]
        return {name: names.count(name) for name in sorted(set(names))}


class _Reader:
    """Numbers and texts one after the other, never more than the file or `HEADER_LIMIT_BYTES` hold."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._end = min(size, HEADER_LIMIT_BYTES)
        self._cut = size <= HEADER_LIMIT_BYTES
        self.position = 0

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes."""
        left = self._end - self.position
        if count > left:
            raise InvalidWeightsError(
                f"{what} needs {count} bytes, {left} are left; the file is cut or a size in it is false"
                if self._cut
                else f"{what} ends beyond the {HEADER_LIMIT_BYTES} bytes that a header may have"
            )
        self.position += count
        return self._file.read(count)

    def numbers(self, codes: str, what: str) -> tuple[Any, ...]:
        """The next numbers, as `struct` codes name them."""
        return struct.unpack(f"<{codes}", self.take(struct.calcsize(f"<{codes}"), what))

    def text(self, limit: int, what: str) -> str:
        """The next text."""
        (length,) = self.numbers("Q", what)
        if length > limit:
            raise InvalidWeightsError(f"{what} has {length} bytes; at most {limit} are read")
        try:
            return self.take(length, what).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidWeightsError(f"{what} is not UTF-8 ({error})") from error


def read_header(path: Path) -> Header:
    """Settings and tensors of a GGUF file; reads no tensor.

    Raises:
        InvalidWeightsError: the file is cut, of another format, or states what its bytes cannot hold.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(file, size)
        tensor_count, setting_count = _read_start(reader)
        settings: dict[str, Any] = {}
        for number in range(setting_count):
            key = reader.text(NAME_LIMIT_BYTES, f"the key of setting {number + 1}")
            if not KEY.fullmatch(key) or key in settings:
                raise InvalidWeightsError(f"setting {key[:60]!r} has an unusual name or is given twice")
            (kind,) = reader.numbers("I", f"setting `{key}`")
            settings[key] = _read_value(reader, kind, f"setting `{key}`")
        table = [_read_entry(reader, number) for number in range(tensor_count)]
    alignment = settings.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or not 8 <= alignment <= ALIGNMENT_LIMIT or alignment & (alignment - 1):
        raise InvalidWeightsError(
            f"general.alignment is {alignment!r}; a power of two, 8 to {ALIGNMENT_LIMIT}"
        )
    return Header(settings, _placed(table, -(-reader.position // alignment) * alignment, alignment, size))


def _read_start(reader: _Reader) -> tuple[int, int]:
    """Number of tensors and of settings."""
    start = reader.take(4, "the first word")
    if LFS_POINTER.startswith(start):
        raise InvalidWeightsError("is a Git LFS pointer, not the weights; run `git lfs pull`")
    if start != MAGIC:
        raise InvalidWeightsError(f"starts with {start!r}, not with {MAGIC!r}; it is no GGUF file")
    (version,) = reader.numbers("I", "the version")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS
        given = "big-endian" if swapped else f"GGUF version {version}"
        raise InvalidWeightsError(f"is {given}; little-endian files of versions 2 and 3 are read")
    tensors, settings = reader.numbers("QQ", "the counts")
    for what, count in (("tensors", tensors), ("settings", settings)):
        if not 1 <= count <= COUNT_LIMIT:
            raise InvalidWeightsError(f"states {count} {what}; 1 to {COUNT_LIMIT} are read")
    return tensors, settings


def _read_value(reader: _Reader, kind: int, what: str) -> Any:
    if kind == TEXT:
        return reader.text(TEXT_LIMIT_BYTES, what)
    if kind in NUMBERS:
        return reader.numbers(NUMBERS[kind], what)[0]
    if kind != ARRAY:
        raise InvalidWeightsError(f"{what} is of unknown type {kind}")
    element, count = reader.numbers("IQ", what)
    if element == TEXT:
        if count > TEXTS_LIMIT:
            raise InvalidWeightsError(f"{what} has {count} texts; at most {TEXTS_LIMIT} are read")
        for _ in range(count):
            reader.text(TEXT_LIMIT_BYTES, what)
        return Array(element, count)
    if element not in NUMBERS:
        raise InvalidWeightsError(f"{what} is an array of type {element}; of numbers or texts are read")
    content = reader.take(count * struct.calcsize(f"<{NUMBERS[element]}"), what)
    if count > KEPT_NUMBERS:
        return Array(element, count)
    return list(struct.unpack(f"<{count}{NUMBERS[element]}", content))


def _read_entry(reader: _Reader, number: int) -> tuple[str, str, tuple[int, ...], int, int]:
    """Name, type, shape (slowest dimension first, as torch has it), offset and bytes of one tensor."""
    name = reader.text(NAME_LIMIT_BYTES, f"the name of tensor {number + 1}")
    if not TENSOR_NAME.fullmatch(name):
        raise InvalidWeightsError(f"tensor {name[:60]!r} has an unusual name")
    what = f"tensor `{name}`"
    (dimensions,) = reader.numbers("I", what)
    if not 1 <= dimensions <= DIMENSIONS_LIMIT:
        raise InvalidWeightsError(f"{what} has {dimensions} dimensions; 1 to {DIMENSIONS_LIMIT} are read")
    shape = tuple(reversed(reader.numbers(f"{dimensions}Q", what)))
    kind, offset = reader.numbers("IQ", what)
    if kind not in BLOCKS:
        known = ", ".join(block[0] for block in BLOCKS.values())
        raise InvalidWeightsError(f"{what} is of ggml type {kind}; allowed: {known}")
    label, values, block_bytes = BLOCKS[kind]
    if not all(shape) or math.prod(shape) > SIZE_LIMIT or shape[-1] % values:
        raise InvalidWeightsError(f"{what} has shape {list(shape)}, which is not possible for {label}")
    return name, label, shape, offset, math.prod(shape) // values * block_bytes


def _placed(
    table: list[tuple[str, str, tuple[int, ...], int, int]], start: int, alignment: int, size: int
) -> dict[str, Tensor]:
    """The tensors at their bytes, which must fill the file from `start` on but for the alignment."""
    tensors: dict[str, Tensor] = {}
    position = start
    for name, label, shape, offset, count in sorted(table, key=lambda entry: entry[3]):
        if name in tensors:
            raise InvalidWeightsError(f"tensor `{name}` is given twice")
        begin = start + offset
        if begin != position:
            raise InvalidWeightsError(f"tensor `{name}` overlaps the one before it or leaves a gap")
        if begin + count > size:
            raise InvalidWeightsError(
                f"tensor `{name}` of shape {list(shape)} ends at byte {begin + count}, the file has {size}; "
                "it is cut or the shape is false"
            )
        tensors[name] = Tensor(label, shape, begin, begin + count)
        position = -(-(begin + count) // alignment) * alignment
    if size > position:
        raise InvalidWeightsError(
            f"its tensors end at byte {position}, the file has {size}: other data follows"
        )
    return tensors
