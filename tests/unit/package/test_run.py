import hashlib
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from teacherspec.errors import UserError
from teacherspec.package.card.terminal_summary import print_summary
from teacherspec.package.golden_examples import FLOAT32_TOLERANCE, load_golden, tolerances
from teacherspec.package.metadata import json_schema
from teacherspec.package.stage_outputs import Stages
from teacherspec.predictions.classification import load_predictions, save_predictions
from teacherspec.runtime.atomic_io import encode_json, read_json
from teacherspec.splits import open_split
from tests.toys.packaged_teacher import CANARIES, ROOT, TASK, PackagedTeacher, package


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def copied(packaged_teacher: PackagedTeacher, place: Path) -> Stages:
    for name in ("artifacts", "reports"):
        shutil.copytree(packaged_teacher.folder.parent / name, place / name)
    return Stages(place / "artifacts", place / "reports")


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_another_place_gives_the_same_bytes(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    package(copied(packaged_teacher, tmp_path / "elsewhere"), tmp_path / "elsewhere")
    assert digest(tmp_path / "elsewhere/teacher") == digest(packaged_teacher.folder)
    assert digest(tmp_path / "elsewhere/report") == digest(packaged_teacher.report)


def test_nothing_names_a_machine_or_a_person(packaged_teacher: PackagedTeacher) -> None:
    places = [str(packaged_teacher.folder.parent), str(ROOT), str(Path.home()), "/home/", "/root/", "/tmp/"]  # noqa: S108
    private = [word.encode() for word in (*places, *CANARIES.values(), socket.gethostname()) if len(word) > 3]
    looked_at = 0
    for path in packaged_teacher.folder.rglob("*"):
        assert not path.is_symlink()
        if path.is_file():
            content = path.read_bytes() + unpacked(path)
            assert [word for word in private if word in content] == [], path
            looked_at += 1
    assert looked_at > 20


def unpacked(path: Path) -> bytes:
    """What compression hides of a file: columns of Parquet, texts of a picture."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return f"{table.to_pylist()} {table.schema.metadata} {pq.read_metadata(path).metadata}".encode()
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return str(picture.info).encode()
    return b""


def test_what_is_hidden_in_columns_would_be_found(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["canaryuser " * 50]}), tmp_path / "a.parquet", compression="zstd")
    assert b"canaryuser" in unpacked(tmp_path / "a.parquet")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="this system has no sha256sum")
def test_sha256sum_agrees(packaged_teacher: PackagedTeacher) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=packaged_teacher.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(digest(packaged_teacher.folder)) - 1


def test_golden_inputs_give_golden_logits_without_this_library(packaged_teacher: PackagedTeacher) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(packaged_teacher.folder / "model")
    inputs, golden = (
        load_file(packaged_teacher.folder / "golden/inputs.safetensors"),
        load_golden(packaged_teacher.folder / "golden", TASK.row_schema()),
    )
    with torch.inference_mode():
        logits = model(**inputs).logits.numpy()
    assert logits.shape == (16, 3)
    np.testing.assert_allclose(logits, golden.outputs["logits"], atol=FLOAT32_TOLERANCE, rtol=0)
    half = model.to(torch.bfloat16)
    with torch.inference_mode():
        off = np.abs(half(**inputs).logits.float().numpy() - golden.outputs["logits"]).max()
    assert FLOAT32_TOLERANCE < off < tolerances(golden.outputs["logits"])["bfloat16"]


def test_soft_targets_open_as_a_data_set_and_are_the_predictions(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    opened = load_dataset(str(packaged_teacher.folder / "distill"), "soft", cache_dir=str(tmp_path / "cache"))
    assert sorted(opened) == ["calibration", "out_of_scope", "train", "transfer", "validation"]
    for name, rows in opened.items():
        predicted = load_predictions(packaged_teacher.stages.evaluated, name)
        prepared = open_split(packaged_teacher.result.outputs.prepared.splits[name], tmp_path)
        assert rows["id"][:] == list(predicted.ids)
        assert rows["text"][:] == prepared["text"][:]
        assert rows["label"][:] == predicted.labels.tolist()
        np.testing.assert_array_equal(np.asarray(rows["logits"][:], np.float32), predicted.logits)
        assert set(rows["in_teacher_train"]) == {name == "train"}
        assert rows[0]["content_sha256"] == hashlib.sha256(rows[0]["text"].encode()).hexdigest()
    assert opened["train"].features["label"].names == ["cold", "hot", "wet"]
    assert opened["train"].features["logits"].length == 3


def test_metadata_keeps_its_schema(packaged_teacher: PackagedTeacher) -> None:
    schema = json_schema()
    committed = ROOT / "teacherspec/package/metadata.schema.json"
    assert committed.read_text(encoding="utf-8") == encode_json(schema), (
        "write it anew from metadata.json_schema()"
    )
    metadata = read_json(packaged_teacher.folder / "metadata.json")
    jsonschema.Draft202012Validator(schema).validate(metadata)
    assert metadata["examples"] == 384
    assert (
        metadata["test_accuracy"]
        == read_json(packaged_teacher.stages.reports / "evaluate/metrics.json")["test"]["accuracy"]
    )


def test_the_hub_reads_the_card(packaged_teacher: PackagedTeacher) -> None:
    card = ModelCard.load(packaged_teacher.folder / "README.md")
    assert card.data.license == "apache-2.0"
    results = {
        (found.dataset_split, found.metric_type): found.metric_value for found in card.data.eval_results
    }
    assert (
        results[("test", "accuracy")]
        == read_json(packaged_teacher.folder / "metadata.json")["test_accuracy"]["value"]
    )
    for heading in ("Intended use", "Load", "Data", "Results", "Weaknesses and blind spots", "Verify"):
        assert f"\n## {heading}\n" in card.text
    assert (packaged_teacher.folder / "eval/calibrate/plots/reliability.png").read_bytes()[:4] == b"\x89PNG"


def test_the_program_on_the_card_runs(
    packaged_teacher: PackagedTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        (packaged_teacher.folder / "README.md")
        .read_text(encoding="utf-8")
        .split("```python\n")[1]
        .split("```")[0]
    )
    monkeypatch.chdir(packaged_teacher.folder)
    names: dict[str, torch.Tensor] = {}
    exec(program, names)  # noqa: S102 the code under test
    assert names["probs"].shape == (1, 3)
    assert names["probs"].sum().item() == pytest.approx(1.0)


def test_predictions_of_another_model_are_refused(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    stages = copied(packaged_teacher, tmp_path)
    predicted = load_predictions(stages.evaluated, "test")
    off_by_one = replace(predicted, logits=np.roll(predicted.logits, 1, axis=0))
    save_predictions(stages.evaluated / "predictions/test.parquet", off_by_one)
    with pytest.raises(UserError, match="the predictions are of another model"):
        package(stages, tmp_path)
    assert not (tmp_path / "teacher").exists()


def test_predictions_of_other_rows_are_refused(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    stages = copied(packaged_teacher, tmp_path)
    shutil.copy(
        stages.evaluated / "predictions/shifted.parquet", stages.evaluated / "predictions/validation.parquet"
    )
    with pytest.raises(UserError, match="holds other rows than"):
        package(stages, tmp_path)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        package(Stages(tmp_path / "a", tmp_path / "r"), tmp_path)
    assert len(refused.value.problems) >= 7


def test_a_failed_gate_can_fail_the_stage_and_leaves_the_older_package(
    packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    stages = copied(packaged_teacher, tmp_path)
    package(stages, tmp_path)
    before = digest(tmp_path / "teacher")
    impossible = [{"metric": "evaluate.test.accuracy", "at_least": 2.0}]
    with pytest.raises(UserError, match=r"gate evaluate\.test\.accuracy: .* < 2"):
        package(stages, tmp_path, gates=impossible, on_not_ready="fail")
    assert digest(tmp_path / "teacher") == before
    packaged = package(stages, tmp_path, gates=impossible)
    assert not packaged.gates[0].passed
    assert read_json(tmp_path / "teacher/READINESS.json")["verdict"] == "not ready"


def test_the_closing_table_says_what_matters(
    packaged_teacher: PackagedTeacher, capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary(packaged_teacher.result, packaged_teacher.stages.reports / "evaluate/latency.json")
    shown = capsys.readouterr().out
    for word in (
        "accuracy",
        "shifted",
        "abstains",
        "ECE",
        "loss ratio",
        "AUROC",
        "latency",
        "READY",
        "evaluate.test.accuracy",
    ):
        assert word in shown
    print_summary(packaged_teacher.result, Path("absent.json"))
    assert "latency" not in capsys.readouterr().out
