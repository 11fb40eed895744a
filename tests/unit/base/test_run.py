"""The whole stage on a toy: what it leaves, twice the same, and what it refuses without leaving a trace."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from teacherspec.base.run import run_base
from teacherspec.errors import BaseModelError, DataError
from teacherspec.model_files.manifest import open_base
from teacherspec.spec.base import Base
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_prepared

TASK = TextClassification(kind="text_classification", max_length=16)
BASE = Base.model_validate_json('{"source": {"kind": "path", "folder": "model"}, "license": "cc0-1.0"}')


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "prepare").mkdir()
    toy_prepared(folder / "prepare")
    toy_base(folder / "model")
    return folder


@pytest.fixture(autouse=True)
def _repository(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def run(task: TextClassification = TASK) -> dict[str, Any]:
    return run_base(task, BASE, Path("prepare"), Path("reports"))


def test_leaves_manifest_fit_report_and_words(capfd: pytest.CaptureFixture[str]) -> None:
    fit = run()
    assert json.loads(Path("reports/fit.json").read_text()) == fit
    assert json.loads(Path("reports/candidates.json").read_text()) == {}
    assert open_base(Path("reports/manifest.json")) == Path("model")
    assert fit["architecture"] == "BertForSequenceClassification"
    assert fit["parameters"]["total"] == fit["parameters"]["backbone"] + 32 * len(LABELS) + len(LABELS)
    assert fit["context"] == {"base": 32, "declared": 16}
    assert fit["data"]["train"]["examples"] == 96
    assert fit["data"]["train"]["unknown_token_share"] == 0.0
    # Random embeddings already separate the words of the classes: the probe must see it.
    accuracy = fit["untrained"]["accuracy"]
    assert accuracy["linear_probe"]["value"] > accuracy["commonest_class"]["value"]
    report = Path("reports/report.md").read_text()
    assert "| linear probe |" in report
    assert "cc0-1.0 (as declared; the base's files state none)" in report
    assert capfd.readouterr() == ("", ""), "nothing of the libraries reaches the terminal"


def test_twice_the_same_bytes() -> None:
    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Path("reports").iterdir()}

    run()
    first = contents()
    shutil.rmtree("reports")
    run()
    assert contents() == first


def test_a_head_of_another_task_is_replaced() -> None:
    """A base already fine-tuned for other labels is a base; its head shows among the unread tensors."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained("model", num_labels=7)
    model.save_pretrained("model")
    fit = run()
    assert fit["unread_tensors"] == {"count": 2, "first": ["classifier.bias", "classifier.weight"]}


def edit(name: str, **values: Any) -> None:
    path = Path("model", name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_logits_of_a_text_do_not_depend_on_its_batch(side: str) -> None:
    """A base with absolute positions, saved by somebody who padded or cut on the left to generate with it."""
    edit("tokenizer_config.json", padding_side=side, truncation_side=side)
    model, tokenizer = TASK.load_base(Path("model"), LABELS, ModelInit())
    rows = [{"text": "snow is very"}, {"text": "the sun is very hot outside here again now"}]
    with torch.inference_mode():
        together = model(**TASK.batch(tokenizer, rows)).logits[0]
        alone = model(**TASK.batch(tokenizer, rows[:1])).logits[0]
    torch.testing.assert_close(together, alone)
    cut = TASK.batch(tokenizer, [{"text": "sun " + "the " * 40}])["input_ids"][0]
    assert tokenizer.convert_ids_to_tokens(cut)[:2] == ["[CLS]", "sun"], "cut at the end, as documented"
    model.save_pretrained("saved")
    tokenizer.save_pretrained("saved")
    kept = TASK.load(Path("saved"))[1]
    assert (kept.padding_side, kept.truncation_side) == ("right", "right")


@pytest.mark.parametrize(
    "values",
    [
        {"return_dict": False},
        {"output_hidden_states": True, "output_attentions": True},
        {"torchscript": True},
    ],
    ids=str,
)
def test_outputs_that_a_config_declares_do_not_reach_the_teacher(values: dict[str, bool]) -> None:
    edit("config.json", **values)
    run()
    model, _ = TASK.load_base(Path("model"), LABELS, ModelInit())
    model.save_pretrained("saved")
    saved = json.loads(Path("saved/config.json").read_text())
    assert not {name: saved[name] for name, value in values.items() if saved.get(name) == value}


def test_truncation_and_unknown_words_are_counted() -> None:
    short = run(TextClassification(kind="text_classification", max_length=8))
    assert short["data"]["train"]["truncated_share"] > 0.1
    assert "% of train is cut; raise task.max_length" in Path("reports/report.md").read_text()


def spoil_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.0.attention.self.query.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "task", "complaint"),
    [
        (spoil_tensor, TASK, "attention.self.query.weight"),
        (lambda folder: (folder / "tokenizer.json").unlink(), TASK, "tokenizer"),
        (lambda folder: (folder / "evil.py").write_text("x"), TASK, "evil.py: is code"),
        (shutil.rmtree, TASK, "no such folder"),
        (
            lambda folder: None,
            TextClassification(kind="text_classification", max_length=33),
            "max_length: 33 tokens are more",
        ),
    ],
)
def test_refuses_and_leaves_earlier_reports_alone(
    spoil: Any, task: TextClassification, complaint: str
) -> None:
    Path("reports").mkdir()
    Path("reports/manifest.json").write_text("earlier")
    spoil(Path("model"))
    with pytest.raises(BaseModelError, match=complaint) as refused:
        run(task)
    assert all("\n" not in problem for problem in refused.value.problems)
    assert {path.name: path.read_text() for path in Path("reports").iterdir()} == {"manifest.json": "earlier"}


def test_without_prepared_data_the_error_names_the_stage_to_run() -> None:
    with pytest.raises(DataError, match="run the stage `prepare` first"):
        run_base(TASK, BASE, Path("nowhere"), Path("reports"))
