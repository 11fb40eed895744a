"""A tiny packaged language model with a chat template and stored soft targets."""

from pathlib import Path

import pytest

from teacherspec.package.generation.soft_targets import write_token_targets
from teacherspec.package.model_export import pack_model
from teacherspec.runtime.atomic_io import write_json
from teacherspec.tasks.shared.hf_saving import save_pretrained
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task

K = 8
ROWS = 6


@pytest.fixture(scope="session")
def language_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model/`, `distill/` and the part of `metadata.json` that exports read."""
    place = tmp_path_factory.mktemp("language")
    teacher = place / "teacher"
    model, tokenizer = task().load_base(lm_base(place / "base"), (), ModelInit())
    save_pretrained(model, tokenizer, place / "saved")
    pack_model(place / "saved", teacher / "model")
    (place / "prepared").mkdir()
    splits = lm_prepared(place / "prepared", train=ROWS, other=3).splits
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)  # where the scratch folder goes
        rows = write_token_targets(
            task(),
            teacher / "model",
            [splits["train"], splits["validation"]],
            teacher / "distill",
            top_k=K,
        )
    write_json(teacher / "provenance/spec.json", {"task": task().model_dump(mode="json")})
    write_json(teacher / "metadata.json", {"name": "zoo", "soft_targets": {"rows": rows}})
    return teacher
