"""Headers of GGUF files: what the reference library wrote is read; anything else is refused in bounds."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest

from teacherspec.model_files.gguf.header import BLOCKS, Array, Header, read_header
from teacherspec.model_files.safetensors_check import InvalidWeightsError

gguf = pytest.importorskip("gguf", reason="gguf is in requirements-dev.txt")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("header") / "good.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.rope.freq_base", 1e4)
    writer.add_array("llama.rope.sections", [1, 2, 3])
    writer.add_token_list(["a", "b", "ü"])
    writer.add_tensor("token_embd.weight", np.ones((3, 32), np.float32))
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor(
        "output.weight", gguf.quants.quantize(np.ones((3, 32), np.float32), kind), raw_dtype=kind
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def read(content: bytes, folder: Path) -> Header:
    path = folder / "x.gguf"
    path.write_bytes(content)
    return read_header(path)


def test_settings_and_tensors_are_those_that_the_library_wrote(good: bytes, tmp_path: Path) -> None:
    header = read(good, tmp_path)
    assert header.settings["general.architecture"] == "llama"
    assert header.settings["llama.block_count"] == 2
    assert header.settings["llama.rope.freq_base"] == 1e4
    assert header.settings["llama.rope.sections"] == [1, 2, 3]
    assert header.settings["tokenizer.ggml.tokens"] == Array(8, 3)
    reference = gguf.GGUFReader(tmp_path / "x.gguf")
    assert {
        tensor.name: (tensor.tensor_type.name, tuple(reversed(tensor.shape.tolist())), tensor.data_offset)
        for tensor in reference.tensors
    } == {name: (tensor.dtype, tensor.shape, tensor.begin) for name, tensor in header.tensors.items()}
    assert header.values == 192
    assert header.types == {"F32": 1, "Q8_0": 1}


def test_block_sizes_are_those_of_the_library() -> None:
    for number, (name, values, count) in BLOCKS.items():
        kind = gguf.GGMLQuantizationType(number)
        assert kind.name == name
        assert gguf.GGML_QUANT_SIZES[kind] == (values, count)


def test_every_cut_is_refused(good: bytes, tmp_path: Path) -> None:
    unpadded = read(good, tmp_path).tensors["output.weight"].end
    for length in [*range(0, unpadded, 7), unpadded - 1]:
        with pytest.raises(InvalidWeightsError):
            read(good[:length], tmp_path)
    read(good[:unpadded], tmp_path)  # the last tensor needs no filling


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


def key(name: str) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode()


def test_false_sizes_are_refused_before_anything_of_that_size_is_read(good: bytes, tmp_path: Path) -> None:
    huge = struct.pack("<Q", 1 << 62)
    shape = struct.pack("<IQQ", 2, 32, 3)
    embedding, counts = key("token_embd.weight"), struct.pack("<IQQ", 3, 2, 5)
    cases = {
        r"states 4611686018427387904 tensors": replaced(good, counts, struct.pack("<IQQ", 3, 1 << 62, 5)),
        r"states 4611686018427387904 settings": replaced(good, counts, struct.pack("<IQQ", 3, 2, 1 << 62)),
        r"has 4611686018427387904 bytes; at most": replaced(
            good, key("tokenizer.ggml.tokens"), huge + b"tokenizer.ggml.tokens"
        ),
        r"needs 18446744073709551612 bytes|needs 4 bytes": replaced(
            good,
            key("llama.rope.sections") + struct.pack("<IIQ", 9, 5, 3),
            key("llama.rope.sections") + struct.pack("<IIQ", 9, 5, (1 << 62) - 1),
        ),
        r"setting `tokenizer\.ggml\.tokens` has 4611686018427387904 texts; at most": replaced(
            good,
            key("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3),
            key("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1 << 62),
        ),
        r"has shape \[3, 4611686018427387904\], which is not possible": replaced(
            good, embedding + shape, embedding + struct.pack("<IQQ", 2, 1 << 62, 3)
        ),
        r"ends at byte \d+, the file has \d+; it is cut|overlaps the one before": replaced(
            good, embedding + shape, embedding + struct.pack("<IQQ", 2, 32, 4000)
        ),
        r"has 99 dimensions": replaced(good, embedding + shape[:4], embedding + struct.pack("<I", 99)),
        r"is of ggml type 77; allowed: F32": replaced(
            good, embedding + shape + struct.pack("<I", 0), embedding + shape + struct.pack("<I", 77)
        ),
    }
    for complaint, content in cases.items():
        with pytest.raises(InvalidWeightsError, match=complaint):
            read(content, tmp_path)


def test_other_formats_versions_and_bytes_are_named(good: bytes, tmp_path: Path) -> None:
    cases = {
        r"starts with b'PK\\x03\\x04'": b"PK\x03\x04" + good,
        "is a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "is GGUF version 1;": good[:4] + struct.pack("<I", 1) + good[8:],
        "is big-endian": good[:4] + struct.pack(">I", 3) + good[8:],
        "other data follows": good + bytes(64),
        "has an unusual name or is given twice": replaced(
            good, key("general.architecture"), key("llama.block_counts\0\0")
        ),
        "overlaps the one before it or leaves a gap": replaced(
            good, key("output.weight"), key("output.weight")
        ).replace(struct.pack("<IQ", 8, 384), struct.pack("<IQ", 8, 352)),
    }
    for complaint, content in cases.items():
        with pytest.raises(InvalidWeightsError, match=complaint):
            read(content, tmp_path)


def test_flipped_bytes_are_read_or_refused_and_nothing_else(good: bytes, tmp_path: Path) -> None:
    drawn = random.Random(0)  # noqa: S311
    refused = 0
    end = min(tensor.begin for tensor in read(good, tmp_path).tensors.values())
    for _ in range(1500):
        content = bytearray(good)
        for _ in range(drawn.randint(1, 3)):
            content[drawn.randrange(end)] = drawn.choice((0, 1, 0x7F, 0x80, 0xFF, drawn.randrange(256)))
        try:
            read(bytes(content), tmp_path)
        except InvalidWeightsError:
            refused += 1
    assert refused > 300
