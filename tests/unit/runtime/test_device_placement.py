"""A model that no device holds is laid out over several, in the order of its layers, and says the same."""

from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pytest
import torch

from teacherspec.inference.generation import predict_tokens
from teacherspec.runtime import device_placement, machine
from teacherspec.text.lm_head import narrow_head
from tests.pipeline.causal_lm.toys import lm_prepared, task
from tests.toys.language_models import CHATML, tiny_model, tiny_tokenizer


def size(model: Any) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def laid_out(
    monkeypatch: pytest.MonkeyPatch, model: Any, memory: dict[int | str, int | str]
) -> dict[str, Any]:
    """The layout that would be made of devices that this machine need not have."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(
        accelerate, "dispatch_model", lambda model, layers, main_device=None: found.update(layers) or model
    )
    device_placement.spread(model, memory)
    return found


def test_layers_fill_one_device_after_the_other_in_whole_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny_model("llama")
    third = size(model) // 3
    layers = laid_out(monkeypatch, model, {0: third + third // 2, 1: third + third // 2, "cpu": 10 * third})
    order = [0, 1, "cpu"]
    places = [order.index(device) for device in layers.values()]
    assert places == sorted(places), layers
    assert len(set(places)) > 1
    blocks = [name for name in layers if name.startswith("model.layers.")]
    assert all(name.count(".") == 2 for name in blocks), "no block of layers is torn apart"


def test_it_answers_the_same_over_several_places(tmp_path: Path) -> None:
    """accelerate's hooks move weights and inputs about; here from disk, as a machine without devices can."""
    from teacherspec.splits import open_split

    rows = open_split(lm_prepared(tmp_path, train=8, other=8).splits["test"], tmp_path)
    tokenizer = tiny_tokenizer(CHATML)
    whole = narrow_head(tiny_model("llama").eval())
    before = predict_tokens(task(), whole, tokenizer, rows, 4)
    names = [name for name, _ in whole.model.layers.named_children()]
    layers: dict[str, Any] = {"model.embed_tokens": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu"}
    layers |= {f"model.layers.{name}": "disk" for name in names} | {"lm_head": "cpu"}
    spread = accelerate.dispatch_model(whole, layers, main_device="cpu", offload_dir=tmp_path / "offload")
    after = predict_tokens(task(), spread, tokenizer, rows, 4)
    np.testing.assert_allclose(after.sums, before.sums, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("free", "processes", "fits"), [(3.0, 2, True), (2.0, 2, False), (2.0, 1, True)])
def test_several_processes_need_room_for_model_and_base_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, processes: int, fits: bool
) -> None:
    tiny_model("llama").save_pretrained(tmp_path)
    weights = sum(file.stat().st_size for file in tmp_path.glob("*.safetensors"))
    monkeypatch.setattr(device_placement, "free_memory", lambda: free * weights)
    monkeypatch.setattr(machine, "processes", lambda: processes)
    assert device_placement.fits_each(tmp_path) is fits


def test_a_model_goes_to_one_device_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    for free, fits in ((2 * size(model), True), (size(model), False)):
        monkeypatch.setattr(device_placement, "free_memory", lambda free=free: free)
        assert device_placement.fits(model) is fits
    monkeypatch.setattr(device_placement, "free_memory", lambda: float("inf"))
    assert next(device_placement.place(model).parameters()).device == torch.device("cpu")
