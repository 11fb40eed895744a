"""Our reader against the library's writer, our bit test against torch's `isfinite`."""

import math
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from teacherspec.model_files.safetensors_check import InvalidWeightsError, not_finite, read_header

NAMES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
SHAPES = st.lists(st.integers(0, 4), max_size=3)
DRAWN = st.lists(st.tuples(st.sampled_from(list(NAMES)), SHAPES), min_size=1, max_size=5)
ODD = [0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan, 6.0e4, 1e-40]


@given(DRAWN)
@settings(max_examples=50, deadline=None)
def test_reads_what_the_library_writes(tmp_path_factory: pytest.TempPathFactory, drawn: list[object]) -> None:
    path = tmp_path_factory.mktemp("w") / "model.safetensors"
    tensors = {f"t.{i}": torch.zeros(shape, dtype=dtype) for i, (dtype, shape) in enumerate(drawn)}  # type: ignore[misc]
    save_file(tensors, path)
    header = read_header(path)
    assert {name: (entry.dtype, entry.shape) for name, entry in header.items()} == {
        name: (NAMES[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()
    }


@given(
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    st.lists(st.sampled_from(ODD), min_size=1, max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_finds_what_torch_calls_not_finite(
    tmp_path_factory: pytest.TempPathFactory, dtype: torch.dtype, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("w") / "model.safetensors"
    tensor = torch.tensor(values, dtype=torch.float64).to(dtype)
    save_file({"good": torch.ones(3), "maybe": tensor}, path)
    found = list(not_finite(path, read_header(path)))
    assert found == ([] if torch.isfinite(tensor).all() else ["maybe"])


def test_looks_beyond_the_first_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teacherspec.model_files.safetensors_check.CHUNK_BYTES", 64)
    tensor = torch.zeros(1000)
    tensor[-1] = math.nan
    save_file({"w": tensor}, tmp_path / "m.safetensors")
    assert list(not_finite(tmp_path / "m.safetensors", read_header(tmp_path / "m.safetensors"))) == ["w"]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_refused_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any bytes in place of any bytes of a header: a plain refusal, or a header that still fits the file."""
    path = tmp_path_factory.mktemp("w") / "model.safetensors"
    save_file({"a": torch.ones(2, 3), "b": torch.zeros(5, dtype=torch.int64)}, path)
    content = bytearray(path.read_bytes())
    begin = data.draw(st.integers(0, len(content) - 64))
    content[begin : begin + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    path.write_bytes(content)
    with suppress(InvalidWeightsError):
        header = read_header(path)
        assert sum(entry.end - entry.begin for entry in header.values()) <= len(content)
