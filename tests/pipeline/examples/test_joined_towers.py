"""`examples/lit/join_towers.py`: the towers stay what they were; the pair is a base of the kind `clip`."""

import json
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    BitImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    set_seed,
)

from teacherspec.model_files.security_scan import check_folder
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.examples.test_redeclared_llama import program
from tests.toys.clip import trained_tokenizer

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture
def towers(tmp_path: Path) -> tuple[Path, Path]:
    set_seed(0)
    images, texts = tmp_path / "images", tmp_path / "texts"
    Dinov2Model(Dinov2Config(**SMALL, image_size=28, patch_size=14)).save_pretrained(images)
    BitImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(
        images
    )
    BertModel(BertConfig(**SMALL, intermediate_size=32, vocab_size=32)).save_pretrained(texts)
    trained_tokenizer(["a photo of a red hat", "a photo of a blue shoe"]).save_pretrained(texts)
    return images, texts


def test_image_features_are_those_of_the_tower_and_the_kind_loads_it(
    towers: tuple[Path, Path], tmp_path: Path
) -> None:
    program("examples/lit/join_towers.py").join(*towers, tmp_path / "joined", width=8)
    check_folder(tmp_path / "joined")
    task = Clip.model_validate_json(json.dumps({"kind": "clip", "max_length": 16}))
    model, _ = task.load_base(tmp_path / "joined", ("hat", "shoe"), ModelInit())
    pixels = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        tower = AutoModel.from_pretrained(towers[0])(pixels).pooler_output
        given = model.vision_model(pixels).pooler_output
    torch.testing.assert_close(given, tower)
    assert model.visual_projection.out_features == model.text_projection.out_features == 8
