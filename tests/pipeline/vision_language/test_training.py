"""Fine-tuning of models that see: loss per token whatever the batch, and which parts learn."""

import os
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from teacherspec.errors import BaseModelError, UserError
from teacherspec.inference.answers import answer
from teacherspec.runtime import machine
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.text.decoding import Decoding
from tests.pipeline.vision_language.toys import (
    model,
    processor,
    task,
    vision_base,
    vision_prepared,
    vision_rows,
)
from tests.toys.trained_language_model import flat, trained


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vision_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory):
    return vision_prepared(tmp_path_factory.mktemp("prepared"), train=16, other=8)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.WORKERS, "0")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def moved(base: Path, out: Path) -> set[str]:
    """TrainableParts whose weights a training changed; files keep the head in `language_model`."""
    before, after = weights(base), weights(out / "model")
    assert before.keys() == after.keys()
    names = {name for name in before if not torch.equal(before[name], after[name])}
    return {name.removeprefix("model.").split(".")[0] for name in names}


def test_a_step_does_not_depend_on_the_micro_batch(base, prepared, tmp_path, monkeypatch):
    start = flat(base)
    whole = flat(trained(task(), base, prepared, tmp_path / "8") / "model")
    monkeypatch.setitem(os.environ, "TEACHERSPEC_MICRO_BATCH", "2")
    cut = flat(trained(task(), base, prepared, tmp_path / "2") / "model")
    assert (whole - cut).norm() < 1e-3 * (whole - start).norm()


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ({"kind": "full"}, {"multi_modal_projector", "language_model"}),
        (
            {"kind": "full", "freeze": []},
            {"vision_tower", "multi_modal_projector", "language_model"},
        ),
        ({"kind": "full", "freeze": ["vision_tower", "language_model"]}, {"multi_modal_projector"}),
        ({"kind": "full", "freeze": ["projector", "vision_tower"]}, {"language_model"}),
        ({"kind": "lora", "rank": 4}, {"language_model"}),
        (
            {"kind": "lora", "rank": 4, "modules_to_save": ["projector"]},
            {"language_model", "multi_modal_projector"},
        ),
    ],
)
def test_declared_parts_learn_and_no_others(base, prepared, tmp_path, method, parts):
    assert moved(base, trained(task(), base, prepared, tmp_path, method=method)) == parts


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"kind": "full", "freeze": ["vision_tower", "projector", "language_model"]}, "is all there is"),
        ({"kind": "full", "freeze": ["tower"]}, "no module tower; at its top are .*projector"),
        ({"kind": "lora", "modules_to_save": ["head"]}, "allowed: language_model, projector, vision_tower"),
    ],
)
def test_wrong_parts_are_refused_with_the_allowed_ones(base, prepared, tmp_path, method, message):
    with pytest.raises(UserError, match=message):
        trained(task(), base, prepared, tmp_path, method=method)


def test_weights_drawn_anew_all_learn(base, prepared, tmp_path):
    out = trained(task(), base, prepared, tmp_path, ModelInit(init="config"))
    assert "vision_tower" in moved(base, out)


def test_padding_changes_no_loss(base):
    kind = task()
    made, given = kind.load_base(base, (), ModelInit())
    encoded = kind.encode(given, Dataset.from_list(vision_rows(6, 3)))

    def losses(places: list[int]) -> torch.Tensor:
        batch = dict(kind.collate(given)([encoded[at] for at in places]))
        labels = batch.pop("labels")
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(
                kind.logits(made, batch), labels[0, 1:], reduction="none"
            )

    together, alone = losses(list(range(6))), torch.cat([losses([at]) for at in range(6)])
    assert len(set(encoded["length"])) > 1
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    plain = model()
    example = encoded[0]
    start = example["answer_start"]
    with torch.no_grad():
        logits = plain(
            input_ids=torch.tensor([example["input_ids"]]), **kind.vision_inputs(given, example["images"])
        ).logits[0, start - 1 : -1]
    expected = torch.nn.functional.cross_entropy(
        logits, torch.tensor(example["input_ids"][start:]), reduction="none"
    )
    torch.testing.assert_close(alone[: len(expected)], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_answers_are_the_same_in_any_batch(base, temperature):
    kind = task()
    made, given = kind.load_base(base, (), ModelInit())
    rows = vision_rows(5, 4)
    decoding = Decoding(6, temperature, seed=3)
    together = answer(kind, made, given, rows, decoding, 5)
    assert together == answer(kind, made, given, rows, decoding, 2)
    batch = kind.batch(given, rows)
    plain = model().generate(
        **{name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values")},
        max_new_tokens=6,
        do_sample=False,
        eos_token_id=made.generation_config.eos_token_id,
        pad_token_id=given.tokenizer.pad_token_id,
    )[:, batch["input_ids"].shape[1] :]
    if temperature == 0:
        ids = [[t for t in line if t != given.tokenizer.eos_token_id] for line in plain.tolist()]
        assert [list(one.ids) for one, _ in together] == ids


def test_a_text_alone_has_no_seeing_base(tmp_path):
    from tests.pipeline.causal_lm.toys import lm_base

    with pytest.raises(
        BaseModelError, match=r"has no tokenizer, image_processor, image_token; a base that reads images"
    ):
        task().load_base(lm_base(tmp_path), (), ModelInit())


def test_a_processor_that_counts_no_tokens_is_refused(tmp_path):
    made = processor()
    made.patch_size = None
    made.save_pretrained(tmp_path)
    model().save_pretrained(tmp_path)
    with pytest.raises(BaseModelError, match=r"fails on images: .*patch_size"):
        task().load_base(tmp_path, (), ModelInit())
