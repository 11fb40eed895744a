"""A new head is drawn, and every tensor of the base outside it is kept or reported as missing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    PreTrainedConfig,
    RobertaConfig,
    SwiftFormerConfig,
    set_seed,
)

from teacherspec.errors import BaseModelError
from teacherspec.finetune.linear_probe_first import output_layer
from teacherspec.runtime.atomic_io import write_json
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.shared.model_head import draw_head, head_names, outside_base_model
from tests.toys.image import FAMILIES, LABELS, SIDE, processor_settings, toy_image_base
from tests.toys.readers import ask

TASK = ImageClassification(kind="image_classification")
MADE = {
    **FAMILIES,
    "swiftformer": lambda: SwiftFormerConfig(image_size=SIDE, embed_dims=[8, 8, 16, 16], depths=[1, 1, 1, 1]),
}
TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
HEADS: dict[str, tuple[Callable[[], PreTrainedConfig], tuple[str, ...], tuple[str, ...]]] = {
    "bert": (lambda: BertConfig(vocab_size=9, **TEXT), ("classifier",), ("classifier",)),
    "roberta": (lambda: RobertaConfig(vocab_size=9, **TEXT), ("classifier",), ("classifier",)),
    "distilbert": (
        lambda: DistilBertConfig(vocab_size=9, dim=16, n_layers=1, n_heads=2, hidden_dim=16),
        ("classifier",), ("pre_classifier", "classifier"),
    ),
    "modernbert": (
        lambda: ModernBertConfig(vocab_size=9, pad_token_id=0, **TEXT),
        ("classifier",), ("head", "classifier"),
    ),
    "gpt2": (lambda: GPT2Config(vocab_size=9, n_embd=16, n_layer=1, n_head=2), ("score",), ("score",)),
}  # fmt: skip


def classifier_base(folder: Path, family: str) -> Path:
    """A base that was fine-tuned for as many other labels: its head has the shape of a new one."""
    set_seed(0)
    config = MADE[family]()
    config.num_labels = len(LABELS)
    model = AutoModelForImageClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    channels = config.to_dict().get("num_channels", 3)
    write_json(folder / "preprocessor_config.json", processor_settings(channels=channels))
    return folder


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    model, _ = TASK.load_base(folder, LABELS, ModelInit())
    return {name: tensor for name, tensor in model.state_dict().items() if "position_ids" not in name}


@pytest.mark.parametrize("family", sorted(MADE))
def test_only_the_head_is_drawn(tmp_path: Path, family: str) -> None:
    base = classifier_base(tmp_path, family)
    first, again = loaded(base), loaded(base)
    plain = AutoModelForImageClassification.from_pretrained(base)
    head = head_names(plain)
    for name, stored in plain.state_dict().items():
        if name not in first:
            continue
        assert torch.equal(first[name], again[name]), name
        drawn = name.startswith(tuple(f"{module}." for module in head))
        assert torch.equal(first[name], stored) != drawn, name
    assert all(tensor.isfinite().all() for tensor in first.values() if tensor.is_floating_point())


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_base_without_a_head_is_complete(tmp_path: Path, family: str) -> None:
    base = toy_image_base(tmp_path, family)
    model, _ = TASK.load_base(base, LABELS, ModelInit())
    channels = model.config.to_dict().get("num_channels", 3)
    features = TASK.features(model, {"pixel_values": torch.zeros(2, channels, SIDE, SIDE)})
    assert features.ndim == 2
    assert len(features) == 2


@pytest.mark.parametrize("family", ["clip", "siglip", "hgnet", "poolformer", "vit", "resnet"])
@pytest.mark.parametrize("last", [False, True])
def test_a_missing_tensor_of_the_backbone_is_named(tmp_path: Path, family: str, last: bool) -> None:
    base = classifier_base(tmp_path, family)
    weights = load_file(base / "model.safetensors")
    model = AutoModelForImageClassification.from_pretrained(base)
    others = tuple(f"{module}." for module in outside_base_model(model))
    names = sorted(name for name in weights if name.endswith(".weight") and not name.startswith(others))
    lost = names[-1 if last else 0]
    del weights[lost]
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(BaseModelError, match="is missing or has another shape") as caught:
        TASK.load_base(base, LABELS, ModelInit())
    assert lost.rpartition(".")[2] in str(caught.value)


def test_a_normalisation_before_the_head_may_be_missing(tmp_path: Path) -> None:
    base = toy_image_base(tmp_path, "poolformer")
    assert "norm.weight" not in load_file(base / "model.safetensors")
    assert torch.equal(loaded(base)["norm.weight"], torch.ones(16))


@pytest.mark.parametrize("family", sorted(HEADS))
def test_heads_of_text_classifiers(family: str) -> None:
    config, head, others = HEADS[family]
    made = config()
    made.num_labels = 3
    model = AutoModelForSequenceClassification.from_config(made)
    assert head_names(model) == head
    assert outside_base_model(model) == others
    hf_loading.quiet_libraries()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draw_head(model, head)
    for name, tensor in model.state_dict().items():
        if tensor.ndim > 1:
            assert torch.equal(tensor, before[name]) != name.startswith(tuple(f"{part}." for part in head))


def test_a_language_model_has_no_head_of_labels() -> None:
    model = LlamaForCausalLM(LlamaConfig(vocab_size=9, **TEXT))
    assert head_names(model) == ()
    assert outside_base_model(model) == ("lm_head",)


def test_a_head_that_nothing_initialises_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = AutoModelForSequenceClassification.from_config(BertConfig(vocab_size=9, **TEXT))
    monkeypatch.setattr(model, "_init_weights", lambda _: None)
    with pytest.raises(BaseModelError, match=r"classifier\.weight, classifier\.bias of a new head"):
        draw_head(model, ("classifier",))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_features_are_what_the_head_reads(tmp_path: Path, family: str) -> None:
    """A probe of other features, such as DINOv2's class token alone, would be a weaker opponent."""
    model, _ = TASK.load_base(toy_image_base(tmp_path, family), LABELS, ModelInit())
    channels = model.config.to_dict().get("num_channels", 3)
    pixels = torch.rand(2, channels, SIDE, SIDE)
    features = TASK.features(model, {"pixel_values": pixels})
    _, head = output_layer(model, len(LABELS))
    torch.testing.assert_close(head(features), model(pixel_values=pixels).logits)


TIMM = """
import json, sys
from pathlib import Path
import torch

# Without its compiled operators, which only some builds of torch can load, torchvision names two in vain.
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm
from safetensors.torch import save_file
from timm.models._hub import save_config_for_hf
from teacherspec.model_files.security_scan import check_folder
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.interfaces.model import ModelInit

task, found = ImageClassification(kind="image_classification"), {}
for name in ("test_vit", "test_resnet", "test_efficientnet"):
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    base = timm.create_model(name)
    save_config_for_hf(base, folder / "config.json")
    config = json.loads((folder / "config.json").read_text())
    config["pretrained_cfg"] |= {"origin_url": "https://example.org/a", "notes": ["from a paper: see there"]}
    (folder / "config.json").write_text(json.dumps({"model_type": "timm_wrapper", **config}))
    save_file({key: value.contiguous() for key, value in base.state_dict().items()},
              folder / "model.safetensors", {"format": "pt"})
    check_folder(folder)
    model, _ = task.load_base(folder, ("a", "b", "c"), ModelInit())
    stored = base.state_dict()
    found[name] = [
        key for key, value in model.timm_model.state_dict().items() if not torch.equal(value, stored[key])
    ]
    pixels = torch.rand(2, 3, *model.config.pretrained_cfg["input_size"][1:])
    assert task.features(model, {"pixel_values": pixels}).shape[0] == 2
print(json.dumps(found))
"""


def test_a_base_as_timm_writes_it_gets_a_new_head_within_its_one_module(tmp_path: Path) -> None:
    head = {"test_vit": "head", "test_resnet": "fc", "test_efficientnet": "classifier"}
    expected = {name: [f"{part}.weight", f"{part}.bias"] for name, part in head.items()}
    assert ask("timm", TIMM, tmp_path) == expected
