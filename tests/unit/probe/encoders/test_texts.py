"""Students that read words in their order: a convolution and a transformer."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from teacherspec.probe.encoders import text_cnn, text_transformer, word_ids
from teacherspec.probe.run import run_probe
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import TextCnn, TextTransformer
from tests.unit.probe.toy_teacher import toy_teacher

CNN = TextCnn(kind="text_cnn", words=20, width=4, channels=6, window=3)
TRANSFORMER = TextTransformer(kind="text_transformer", words=20, width=8, heads=2, layers=1, length=6)
TEXTS = ["alpha beta gamma", "beta beta delta", "gamma", "x"]


def test_ids_are_of_the_most_frequent_words_in_their_order() -> None:
    rows = word_ids.encode(CNN, TEXTS, {"other": ["beta unheard alpha"]})
    train, other = (rows[name] for name in ("train", "other"))
    assert isinstance(train, word_ids.WordRows)
    assert isinstance(other, word_ids.WordRows)
    order = [word for word, _ in Counter(" ".join(TEXTS[:3]).split()).most_common()]
    named = {word: place + word_ids.SPECIAL for place, word in enumerate(order)}
    assert train.ids[1].tolist() == [named["beta"], named["beta"], named["delta"]]
    assert train.ids[3].tolist() == [word_ids.UNKNOWN], "a text without a word is one unknown word"
    assert other.ids[0].tolist() == [named["beta"], word_ids.UNKNOWN, named["alpha"]]
    assert other.batch(np.array([0])).shape == (1, 3)
    assert train.batch(np.array([0, 2])).tolist()[1][1:] == [word_ids.PAD] * 2


def test_grouped_convolution_is_one_convolution_an_arm() -> None:
    inputs = word_ids.encode(CNN, TEXTS, {})["train"]
    model = text_cnn.build(CNN, inputs, 3, 2, seed=0)
    ids = inputs.batch(np.arange(4))
    with torch.no_grad():
        found = model(ids)
        own = functional.embedding(ids, model.embedding[:, :4]).transpose(1, 2) * (ids != 0)[:, None]
        windows = functional.conv1d(own, model.kernel[:6], model.shift[:6], padding=1).relu()
        windows = (windows * (ids != 0)[:, None]).amax(2)
        expected = windows @ model.last[0] + model.offset[0]
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize(
    "build",
    [
        lambda rows: text_cnn.build(CNN, rows, 3, 1, 0),
        lambda rows: text_transformer.build(TRANSFORMER, rows, 3, 1, 0),
    ],
)
def test_padding_changes_no_logit(build: object) -> None:
    inputs = word_ids.encode(TRANSFORMER, TEXTS, {})["train"]
    model = build(inputs).eval()  # type: ignore[operator]
    with torch.no_grad():
        together, alone = model(inputs.batch(np.arange(4))), model(inputs.batch(np.array([2])))
    torch.testing.assert_close(together[:, 2:3], alone)


def test_seeds_draw_weights_and_leave_the_global_generator_alone() -> None:
    inputs = word_ids.encode(TRANSFORMER, TEXTS, {})["train"]
    before = torch.random.get_rng_state()
    models = [text_transformer.build(TRANSFORMER, inputs, 3, 1, seed) for seed in (0, 0, 1)]
    assert torch.equal(before, torch.random.get_rng_state())
    first, same, other = (next(iter(model.parameters())) for model in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "student",
    [{"kind": "text_cnn", "epochs": 12, "width": 16, "channels": 16, "weight_decay": 0.01},
     {"kind": "text_transformer", "epochs": 4, "width": 16, "heads": 2, "layers": 1}],
)  # fmt: skip
def test_a_probe_runs_with_it(student: dict[str, object], tmp_path: Path) -> None:
    sources = toy_teacher(tmp_path)
    declared = {"students": [student], "temperatures": [2.0], "weights": [0.5], "seeds": 2, "budgets": [1.0]}
    section = Probe.model_validate_json(json.dumps(declared))
    list(run_probe(section, sources, tmp_path / "fit.json", tmp_path / "out", tmp_path / "report"))
    metrics = read_json(tmp_path / "report/metrics.json")
    assert metrics["test"]["labels_only"]["accuracy"] > 0.4, "better than a guess among three"


@pytest.mark.parametrize("wrong", [{"kind": "text_cnn", "window": 2},
                                   {"kind": "text_transformer", "width": 10, "heads": 4}])  # fmt: skip
def test_shapes_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Probe.model_validate_json(json.dumps({"students": [wrong]}))
