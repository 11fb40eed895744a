"""timm itself reads a packaged vision teacher, as it lies and as `export --to timm` writes it."""

from pathlib import Path

import pytest

from tests.toys.packaged_teacher import PackagedTeacher
from tests.toys.readers import ROOT, ask, reader

PROGRAM = """
import json, sys
from pathlib import Path
import torch

# Without its compiled operators, which only some builds of torch can load, torchvision names two in vain.
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm
from timm.task.distillation import LogitDistillationTask
from transformers import (
    AutoModelForImageClassification, TimmWrapperConfig, TimmWrapperForImageClassification, set_seed,
)
from teacherspec.export.registry import export
from teacherspec.package.model_export import pack_model

place, found = Path(sys.argv[1]), {}
for architecture in ("test_vit", "test_resnet", "test_efficientnet"):
    set_seed(0)
    names = {0: "cold", 1: "hot", 2: "wet"}
    known = timm.create_model(architecture).pretrained_cfg  # as on the hub: without where it came from
    config = TimmWrapperConfig(
        architecture=architecture,
        pretrained_cfg={key: known[key] for key in known if key not in ("hf_hub_id", "url")},
        num_labels=3, id2label=names, label2id={name: index for index, name in names.items()},
    )
    saved, teacher, out = (place / f"{architecture}-{name}" for name in ("saved", "teacher", "out"))
    TimmWrapperForImageClassification(config).save_pretrained(saved)
    pack_model(saved, teacher / "model")
    for name in ("distill", "metadata.json"):
        (teacher / name).symlink_to(Path(sys.argv[2]) / name)
    export(teacher, out, "timm", unchecked=True)
    model = AutoModelForImageClassification.from_pretrained(teacher / "model").eval()
    pixels = torch.rand(2, 3, *model.config.pretrained_cfg["input_size"][1:])
    expected = model(pixel_values=pixels).logits
    for folder in (teacher / "model", out):
        read = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        student = timm.create_model("test_resnet", num_classes=3)
        task = LogitDistillationTask(
            student, f"local-dir:{folder}", loss_type="kl", temperature=2.0, device=torch.device("cpu"),
            verbose=False,
        )
        taught = task(pixels, torch.tensor([0, 1]))
        found[f"{architecture} {folder.name.split('-')[-1]}"] = {
            "off": float((read(pixels) - expected).abs().max()),
            "classes": read.num_classes,
            "mean": list(read.pretrained_cfg["mean"]) == list(model.config.pretrained_cfg["mean"]),
            "names": list(read.pretrained_cfg.get("label_names") or []),
            "loss": float(taught["loss"]), "kd": float(taught["kd_loss"]),
            "teacher": float((task.teacher(pixels) - expected).abs().max()),
        }
print(json.dumps(found))
"""


@pytest.mark.slow
def test_timm_reads_the_package_and_its_export(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    reader("timm")
    found = ask(
        "timm", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}", tmp_path, packaged_teacher.folder
    )
    assert len(found) == 6
    for name, said in found.items():
        assert said["off"] < 1e-5, name
        assert said["teacher"] < 1e-5, name
        assert said["classes"] == 3
        assert said["mean"], name
        assert said["kd"] > 0
        assert said["loss"] > 0
