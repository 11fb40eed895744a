"""`examples/llava_smollm2`: both parts stay what they were; the template shows the image and ends answers."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    BitImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    LlamaConfig,
    LlamaForCausalLM,
    set_seed,
)

from teacherspec.check.run import check
from teacherspec.model_files.security_scan import check_folder
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.examples.test_redeclared_llama import ROOT, program
from tests.pipeline.vision_language.toys import picture
from tests.toys.language_models import CHATML, SHAPE, tiny_tokenizer
from tests.toys.trained_language_model import marked

EXAMPLE = "examples/llava_smollm2"
SIDE, SEEN = 28, 4
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An image tower of a larger grid than is shown, and a Llama with tied embeddings that reads ChatML."""
    set_seed(0)
    images, texts = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("texts")
    Dinov2Model(Dinov2Config(**SMALL, image_size=56, patch_size=14)).save_pretrained(images)
    BitImageProcessorPil(size={"shortest_edge": 64}, crop_size={"height": 56, "width": 56}).save_pretrained(
        images
    )
    LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True)).save_pretrained(texts)
    tiny_tokenizer(CHATML).save_pretrained(texts)
    return images, texts


@pytest.fixture(scope="module")
def joined(parts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("joined")
    program(f"{EXAMPLE}/join_parts.py").join(*parts, target, side=SIDE, resized=32)
    check_folder(target)
    return target


def test_texts_and_images_are_read_as_by_the_parts(parts: tuple[Path, Path], joined: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(joined)
    assert model.lm_head.weight is model.get_input_embeddings().weight
    tokens, pixels = torch.arange(3, 60).reshape(1, -1), torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        given = model(input_ids=tokens).logits[..., : SHAPE["vocab_size"]]
        wanted = LlamaForCausalLM.from_pretrained(parts[1])(input_ids=tokens).logits
        seen = model.model.vision_tower(pixels).last_hidden_state
        expected = Dinov2Model.from_pretrained(parts[0])(pixels).last_hidden_state
    torch.testing.assert_close(given, wanted)
    torch.testing.assert_close(seen, expected)


def test_a_scaled_projector_tells_photos_apart(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """States with a large mean: only after scaling do tokens differ, and have the size of words."""
    module = program(f"{EXAMPLE}/join_parts.py")
    shifted = Dinov2Model.from_pretrained(parts[0])
    with torch.no_grad():
        shifted.encoder.layer[-1].mlp.fc2.bias.add_(20.0)
    tower = tmp_path / "tower"
    shifted.save_pretrained(tower)
    BitImageProcessorPil.from_pretrained(parts[0]).save_pretrained(tower)
    photos = [
        Image.fromarray(noise)
        for noise in np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), np.uint8)
    ]

    def tokens(name: str, given: list[Image.Image]) -> tuple[torch.Tensor, float]:
        module.join(tower, parts[1], tmp_path / name, given, side=SIDE, resized=32)
        model = AutoModelForImageTextToText.from_pretrained(tmp_path / name)
        pixels = AutoImageProcessor.from_pretrained(tmp_path / name)(photos, return_tensors="pt")[
            "pixel_values"
        ]
        with torch.no_grad():
            found = torch.cat(list(model.get_image_features(pixels).pooler_output)).flatten(0, -2)
            words = float(model.get_input_embeddings().weight.norm(dim=1).mean())
        return found, words

    (plain, _), (scaled, words) = tokens("plain", []), tokens("scaled", photos)
    assert (plain - plain.mean(0)).norm() < 0.2 * plain.norm()
    assert (scaled - scaled.mean(0)).norm() > 0.5 * scaled.norm()
    assert float(scaled.norm(dim=1).mean()) == pytest.approx(words, rel=0.01)


def test_the_declaration_supervises_the_answer_and_its_end(joined: Path) -> None:
    task = check(ROOT / EXAMPLE / "params.yaml").task
    model, processor = task.load_base(joined, (), ModelInit())
    row = {"id": "0", "images": [picture("red")], "prompt": "What is this?", "completion": ["hat"]}
    encoded = task.encoder(processor).encode(task.conversation(row))
    text = marked(processor.tokenizer, encoded)
    image = "<image>" * SEEN
    start = f"<|im_start|>user\n{image}\nWhat is this?<|im_end|>\n<|im_start|>assistant\n"
    assert text.removeprefix("<s>") == f"{start}«hat<|im_end|>»"
    batch = task.collate(processor)([{**encoded._asdict(), "images": row["images"]}])
    with torch.no_grad():
        assert model(**{name: batch[name] for name in ("input_ids", "pixel_values")}).logits.isfinite().all()
    assert task.parts(model).frozen == ("vision_tower",)


def test_every_photo_gets_a_question_and_its_class(tmp_path: Path) -> None:
    module = program(f"{EXAMPLE}/rows.py")
    for name in ("train/hat/b.jpg", "train/outwear/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with tarfile.open(tmp_path / "train.tar", "w") as archive:
        archive.add(tmp_path / "train", "train")
    found = [json.loads(json.dumps(row)) for row in module.rows(tmp_path / "train.tar")]
    assert found == [
        {"image": "train/hat/b.jpg", "question": "What is this?", "answer": "hat"},
        {"image": "train/outwear/a.jpg", "question": "What is this?", "answer": "coat"},
    ]
