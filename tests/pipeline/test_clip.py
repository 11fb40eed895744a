"""Dual encoders as zero-shot classifiers through the pipeline, by both losses, from weights and scratch."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file, save
from transformers import AutoModel, AutoProcessor

from teacherspec.base.run import run_base
from teacherspec.calibrate.run import run_calibrate
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.run import run_finetune
from teacherspec.inference.classification import predict
from teacherspec.model_files.manifest import open_base
from teacherspec.package.run import run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.class_embeddings import load_class_space, load_embeddings
from teacherspec.predictions.classification import load_predictions
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json
from teacherspec.serving import load_teacher
from teacherspec.spec.base import Base
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.splits import open_split
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.image import LABELS, toy_image, toy_image_prepared

TEMPLATES = ("a picture that is {label}", "much {label} here")
TASK = Clip(kind="clip", templates=TEMPLATES, phrases={"red": "rosy"}, max_length=CONTEXT)
SAID = [template.format(label=name) for template in TEMPLATES for name in ("blue", "green", "rosy")]
BASE = {"source": {"kind": "path", "folder": "base"}, "license": "mit"}
FINETUNE = {"epochs": 4, "batch_size": 16, "learning_rate": 3e-3, "selection_metric": "accuracy"}
CONTRASTIVE = {"kind": "contrastive"}
PACKAGE = {
    "name": "colours",
    "description": "Tells colours apart.",
    "intended_use": "Tests.",
    "data_license": "cc0-1.0",
    "golden_examples": 8,
}


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")


def run_pipeline(base: dict[str, Any], finetune: dict[str, Any]) -> Stages:
    """From the base to the package, in the current folder."""
    stages = Stages(Path("artifacts"), Path("reports"))
    toy_image_prepared(stages.prepared, task="clip")
    declared_base = Base.model_validate_json(json.dumps(base))
    declared = Finetune.model_validate_json(json.dumps(finetune))
    run_base(TASK, declared_base, stages.prepared, stages.reports / "base")
    manifest = stages.reports / "base/manifest.json"
    run_finetune(TASK, declared, stages.prepared, manifest, stages.finetuned)
    evaluating = Evaluate(resamples=100, latency_examples=10, perturbations=("jpeg_3",), embeddings=True)
    report = stages.reports / "evaluate"
    paths = Paths(stages.prepared, stages.finetuned, stages.evaluated, report, report / "latency.json")
    run_evaluate(TASK, evaluating, paths, lambda: open_base(manifest), declared_base)
    run_calibrate(Calibrate(resamples=100), stages.evaluated, stages.calibrated, stages.reports / "calibrate")
    package = Package.model_validate_json(json.dumps(PACKAGE))
    spec = {"task": TASK.model_dump(mode="json"), "base": base, "package": package.model_dump(mode="json")}
    run_package(package, TASK, spec, stages, Path("teacher"), Path("report"))
    return stages


def accuracy(stages: Stages) -> float:
    found: float = read_json(stages.reports / "evaluate/metrics.json")["test"]["accuracy"]["value"]
    return found


@pytest.mark.slow
def test_clip_becomes_a_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_dual_base(Path("base"), SAID)
    stages = run_pipeline(BASE, {**FINETUNE, "loss": CONTRASTIVE})
    assert accuracy(stages) > 0.7
    assert not [check for check in verify(Path("teacher")) if check.problems or check.skipped]
    stored_embeddings_give_the_logits(stages.evaluated)
    untrained = read_json(stages.reports / "base/fit.json")["untrained"]["accuracy"]
    assert untrained["zero_shot"]["value"] < 0.7
    embeddings_give_the_logits(Path("teacher/distill"))
    others_are_found_out(Path("teacher"))
    served()
    program_of_the_card(monkeypatch)


def stored_embeddings_give_the_logits(evaluated: Path) -> None:
    """What students of the probe learn is what the logits were computed from."""
    space, predictions = load_class_space(evaluated), load_predictions(evaluated, "test")
    ids, images = load_embeddings(evaluated, "test")
    assert ids == list(predictions.ids)
    np.testing.assert_allclose(space.scale * images @ space.classes.T, predictions.logits, atol=1e-4)


def served() -> None:
    """Rows from outside, and the model as transformers alone loads it, give the same logits."""
    content = toy_image(2, np.random.default_rng(9))
    Path("red.png").write_bytes(content)
    teacher = load_teacher(Path("teacher"))
    assert LABELS[int(teacher.probs([{"image": "red.png"}]).argmax())] == "red"
    model = AutoModel.from_pretrained("teacher/model").eval()
    processor = AutoProcessor.from_pretrained("teacher/model", backend="pil")
    single = Clip(kind="clip", templates=TEMPLATES[:1], phrases={"red": "rosy"}, max_length=CONTEXT)
    ours, reader = single.load(Path("teacher/model"))
    from PIL import Image

    batch = processor(
        text=SAID[:3],
        images=[Image.open("red.png").convert("RGB")],
        padding="max_length",
        max_length=CONTEXT,
        return_tensors="pt",
    )
    with torch.inference_mode():
        expected = model(**batch).logits_per_image  # the scale is in them, once
        found = single.logits(ours, single.batch(reader, [{"image": content}]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def embeddings_give_the_logits(folder: Path) -> None:
    """The embeddings in `embeddings/` multiply to the soft targets, row by row."""
    scale = read_json(folder / "embeddings/scale.json")
    classes = load_file(folder / "embeddings/classes.safetensors")["class_embeds"]
    soft = pq.read_table(next((folder / "soft").glob("train-*.parquet"))).to_pylist()
    rows = pq.read_table(folder / "embeddings/train.parquet").to_pylist()
    assert [row["id"] for row in rows] == [row["id"] for row in soft]
    images = np.array([row["image_embeds"] for row in rows])
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(classes, axis=1), 1, atol=1e-5)
    logits = scale["logit_scale"] * images @ classes.T + scale["logit_bias"]
    np.testing.assert_allclose(logits, [row["logits"] for row in soft], atol=1e-3)
    assert tuple(scale["label_names"]) == LABELS


def others_are_found_out(teacher: Path) -> None:
    """Embeddings of the next row, of other classes, by another factor: each alone is reported."""
    folder = teacher / "distill/embeddings"
    for name, change in CHANGES.items():
        path = folder / name
        kept = path.read_bytes()
        change(path)
        write_sums(teacher)
        found = {check.name: check.problems for check in verify(teacher) if check.problems}
        assert found.keys() == {"soft targets"}, name
        assert any(f"embeddings/{name}" in problem for problem in found["soft targets"])
        path.write_bytes(kept)
    write_sums(teacher)


def off_by_one(path: Path) -> None:
    table = pq.read_table(path)
    order = [*range(1, len(table)), 0]
    moved = table["image_embeds"].combine_chunks().take(order)
    pq.write_table(table.set_column(1, "image_embeds", moved), path)


def other_scale(path: Path) -> None:
    content = read_json(path)
    path.write_text(json.dumps({**content, "logit_scale": 1.01 * content["logit_scale"]}))


def other_classes(path: Path) -> None:
    path.write_bytes(save({"class_embeds": np.roll(load_file(path)["class_embeds"], 1, axis=0)}))


CHANGES = {
    "train.parquet": off_by_one,
    "scale.json": other_scale,
    "classes.safetensors": other_classes,
}


def program_of_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines on the card run in the folder and end in probabilities."""
    monkeypatch.chdir("teacher")
    program = Path("README.md").read_text().split("```python\n")[1].split("```")[0]
    Path("program.py").write_text(program)
    found = runpy.run_path("program.py")
    white = {"image": Path("../white.png")}
    found["image"].save(white["image"])
    expected = load_teacher(Path(), unchecked=True).probs([{"image": "../white.png"}])
    np.testing.assert_allclose(found["probs"].numpy(), expected, atol=1e-5)


def test_the_classes_are_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is only asked reads its prompts once, and says the same as if it read them each time."""
    prepared = toy_image_prepared(Path("data"), train=16, other=16)
    rows = open_split(prepared.splits["test"])
    model, processor = TASK.load_base(toy_dual_base(Path("base"), SAID), LABELS, ModelInit())
    read: list[int] = []
    tower = model.get_text_features
    monkeypatch.setattr(model, "get_text_features", lambda **given: read.append(1) or tower(**given))
    plain = predict(TASK, model, processor, rows, 4).logits
    assert len(read) == 4
    read.clear()
    settled = predict(TASK, model, TASK.cache_shared_inputs(model, processor), rows, 4).logits
    assert len(read) == 1
    np.testing.assert_allclose(settled, plain, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize(
    "finetune",
    [
        {"loss": {"kind": "cross_entropy"}, "method": {"kind": "lora", "rank": 4}},
        {"loss": {**CONTRASTIVE, "pairing": "sigmoid"}},
        {
            "loss": CONTRASTIVE,
            "method": {"kind": "full", "freeze": ["text_model"]},
            "weight_interpolation": 0.5,
        },
    ],
    ids=["cross-entropy", "sigmoid", "frozen"],
)
def test_both_families_go_the_whole_road(family: str, finetune: dict[str, Any]) -> None:
    toy_dual_base(Path("base"), SAID, family)
    run_pipeline(BASE, {**FINETUNE, "epochs": 1, **finetune})
    assert not [check for check in verify(Path("teacher")) if check.problems or check.skipped]


@pytest.mark.slow
def test_from_scratch(tmp_path: Path) -> None:
    toy_dual_base(Path("base"), SAID, weights=False)
    stages = run_pipeline({**BASE, "init": "config"}, {**FINETUNE, "loss": {"kind": "cross_entropy"}})
    assert accuracy(stages) > 0.6
