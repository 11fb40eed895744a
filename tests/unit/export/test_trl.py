"""TRL's own trainers take a packaged language model, and the data that `export --to trl` writes."""

import math
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from teacherspec.export.registry import export
from tests.toys.language_models import tiny_model

trl = pytest.importorskip("trl", reason="needs TRL: run `make .venv/dev`")
pytestmark = pytest.mark.filterwarnings("ignore")  # its warnings are not ours

COMMON: dict[str, Any] = {
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "learning_rate": 1e-3,
    "use_cpu": True,
    "report_to": "none",
    "save_strategy": "no",
    "logging_steps": 1,
    "disable_tqdm": True,
    "bf16": False,
}


@pytest.fixture(scope="module")
def data(language_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trl") / "out"
    export(language_teacher, folder, "trl", unchecked=True)
    return folder


def losses(trainer: Any) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def distil(teacher: Path, student: Any, data: Path, place: Path) -> Any:
    from trl import DistillationConfig, DistillationTrainer

    rows = load_dataset(str(data / "prompts"), split="train", cache_dir=str(place / "cache"))
    return DistillationTrainer(
        model=student,
        teacher_model=str(teacher / "model"),
        args=DistillationConfig(output_dir=str(place), max_completion_length=4, **COMMON),
        train_dataset=rows.select_columns(["prompt"]),
        processing_class=AutoTokenizer.from_pretrained(teacher / "model"),
    )


def test_a_copy_of_the_teacher_has_nothing_to_learn(
    language_teacher: Path, data: Path, tmp_path: Path
) -> None:
    student = AutoModelForCausalLM.from_pretrained(language_teacher / "model")
    found = losses(distil(language_teacher, student, data, tmp_path))
    assert found == [0.0, 0.0]


def test_another_student_learns(language_teacher: Path, data: Path, tmp_path: Path) -> None:
    found = losses(distil(language_teacher, tiny_model("llama", seed=1), data, tmp_path))
    assert len(found) == 2
    assert all(math.isfinite(loss) and loss > 0.01 for loss in found)


def test_a_student_of_another_vocabulary_is_refused(
    language_teacher: Path, data: Path, tmp_path: Path
) -> None:
    student = tiny_model("llama", seed=1)
    student.resize_token_embeddings(408)
    with pytest.raises(ValueError, match="vocab_size 408 but the teacher model has vocab_size 400"):
        distil(language_teacher, student, data, tmp_path)


def test_gkd_learns_from_messages(language_teacher: Path, data: Path, tmp_path: Path) -> None:
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    rows = load_dataset(str(data / "messages"), split="train", cache_dir=str(tmp_path / "cache"))

    def train(student: Any, name: str) -> list[float]:
        trainer = GKDTrainer(
            model=student,
            teacher_model=str(language_teacher / "model"),
            args=GKDConfig(
                output_dir=str(tmp_path / name), lmbda=0.0, max_new_tokens=4, max_length=32, **COMMON
            ),
            train_dataset=rows.select_columns(["messages"]),
            processing_class=AutoTokenizer.from_pretrained(language_teacher / "model"),
        )
        return losses(trainer)

    own = train(AutoModelForCausalLM.from_pretrained(language_teacher / "model"), "own")
    other = train(tiny_model("llama", seed=1), "other")
    assert max(map(abs, own)) < 1e-3 < min(other)
