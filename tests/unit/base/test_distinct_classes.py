"""A dual encoder that gives two classes, or all texts, the same embedding is refused with the cause."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from teacherspec.base.classification.baseline import measure_baseline
from teacherspec.base.retrieval.baseline import refuse_one_embedding
from teacherspec.errors import BaseModelError
from teacherspec.metrics.scores.retrieval import Paired
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.splits import open_split
from teacherspec.tasks.clip.distinct_classes import same_classes
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.image import LABELS, toy_image_prepared

WORDS = "a photo of some very small thing with much of the colour blue green red"


def clip(**values: Any) -> Clip:
    return Clip.model_validate_json(json.dumps({"kind": "clip", "max_length": CONTEXT, **values}))


def measure(task: Clip, base: Path, place: Path) -> Any:
    splits = toy_image_prepared(place / "prepared").splits
    train, validation = (open_split(splits[name], place / "cache") for name in ("train", "validation"))
    return measure_baseline(task, *task.load_base(base, LABELS, ModelInit()), train, validation)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_classes_with_prompts_of_their_own_pass(tmp_path: Path, family: str) -> None:
    base = toy_dual_base(tmp_path / "base", [WORDS], family)
    assert "zero_shot" in measure(clip(), base, tmp_path)["accuracy"]


LONG = "a photo of some very small thing with much of the colour {label}"


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize(
    ("words", "task", "cause"),
    [
        (WORDS, {"templates": [LONG], "max_length": 8}, "differ after the 8 tokens of task.max_length"),
        ("a photo of a", {}, "the tokenizer does not distinguish 'a photo of a blue.'"),
        (
            WORDS,
            {"phrases": {"red": "violet", "blue": "orange"}},
            "'a photo of a orange.' from 'a photo of a",
        ),
    ],
)
def test_prompts_of_the_same_tokens_are_refused(
    tmp_path: Path, family: str, words: str, task: dict[str, Any], cause: str
) -> None:
    base = toy_dual_base(tmp_path / "base", [words], family)
    with pytest.raises(BaseModelError) as caught:
        measure(clip(**task), base, tmp_path)
    assert cause in str(caught.value)


def test_a_text_tower_that_ends_at_another_token_is_refused(tmp_path: Path) -> None:
    """transformers pools the first token, the same in all prompts, where the end token never comes."""
    base = toy_dual_base(tmp_path / "base", [WORDS])
    config = read_json(base / "config.json")
    config["text_config"]["eos_token_id"] = 17
    write_json(base / "config.json", config)
    with pytest.raises(BaseModelError, match=r"eos_token_id, is 17, that of the tokenizer 1; make") as caught:
        measure(clip(), base, tmp_path)
    assert len(caught.value.problems) == 3, "each pair of three classes"


def test_prompts_of_a_rows_own_texts_are_compared_too(tmp_path: Path) -> None:
    base = toy_dual_base(tmp_path / "base", [WORDS])
    task = clip(templates=["some very small thing with much of the {place} {label}"], max_length=8)
    model, processor = task.load_base(base, LABELS, ModelInit())
    rows: Any = [{"place": "colour"}]
    with pytest.raises(BaseModelError, match=r"after the 8 tokens"):
        task.check_classes(model, processor, rows)
    clip(templates=["{place} {label}"]).check_classes(model, processor, rows)


def test_many_equal_classes_are_counted(tmp_path: Path) -> None:
    task = clip()
    names = [f"class {at}" for at in range(6)]
    model, processor = task.load_base(toy_dual_base(tmp_path, ["a photo of"]), names, ModelInit())
    vector = torch.nn.functional.normalize(torch.ones(1, 32), dim=1)
    texts = [f"a photo of a {name}" for name in names]
    found = list(same_classes(model, processor, texts, vector.expand(6, 32)))
    assert len(found) == 6
    assert found[-1] == "task: 15 of 15 pairs of classes have the same embedding"
    near = torch.nn.functional.normalize(vector + 1e-3 * torch.eye(6, 32), dim=1)
    assert not list(same_classes(model, processor, texts, near))


@pytest.mark.parametrize(
    "values",
    [
        {"phrases": {"ant": "insect", "bee": "insect"}},
        {"phrases": {"ant": "bee"}, "label_names": ["ant", "bee"]},
    ],
)
def test_equal_words_are_refused_with_the_declaration(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="phrases: ant and bee have the same words"):
        clip(**values)
    clip(phrases={"ant": "bee", "bee": "ant"}, label_names=["ant", "bee"])


def test_retrieval_with_one_embedding_for_all_is_refused() -> None:
    draw = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    draw /= np.linalg.norm(draw, axis=1, keepdims=True)
    numbers = np.arange(4)
    refuse_one_embedding(Paired(draw, draw, numbers, numbers))
    one = np.repeat(draw[:1], 4, axis=0)
    refuse_one_embedding(Paired(draw, one, numbers, np.zeros(4, np.int64)))
    with pytest.raises(BaseModelError, match="all texts have the same embedding"):
        refuse_one_embedding(Paired(draw, one, numbers, numbers))
    with pytest.raises(BaseModelError, match="all images have"):
        refuse_one_embedding(Paired(one, draw, numbers, numbers))
