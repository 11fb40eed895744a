"""Candidates from the declaration to the manifest of the one that is taken."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from teacherspec.base import checked_base
from teacherspec.base.candidates import measure, scores
from teacherspec.base.run import run_base
from teacherspec.errors import BaseModelError
from teacherspec.model_files.manifest import open_base, pinned_base
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.base_candidates import BaseCandidates
from teacherspec.splits import load_prepared, open_split
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import LABELS, toy_base, toy_prepared

TASK = TextClassification(kind="text_classification", max_length=16)
BUILT = BaseSummary("BertModel", 20_000, context=32, embeddings=28, tokens=28, unread=())
PARAMETERS = {"two": 20_227, "one": 11_683, "other": 20_227}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "prepare").mkdir()
    toy_prepared(folder / "prepare", train=60, other=60)
    toy_base(folder / "a")
    toy_base(folder / "b", seed=1)
    return folder


@pytest.fixture
def _repository(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the child process: what it refuses is tested where it is (`test_sandboxed_load.py`)."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checked_base, "load_in_sandbox", lambda folder, rows, init: BUILT)
    monkeypatch.setattr(scores, "HALF_SAMPLES", 5)


def candidate(name: str, folder: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "source": {"kind": "path", "folder": folder}, "license": "mit", **values}


THREE = (candidate("two", "a"), candidate("one", "a", layers=1), candidate("other", "b"))


def declare(*candidates: dict[str, Any], **choice: Any) -> BaseCandidates:
    return BaseCandidates.model_validate_json(json.dumps({"candidates": candidates, "choice": choice}))


def run(declared: BaseCandidates) -> dict[str, Any]:
    run_base(TASK, declared, Path("prepare"), Path("reports"))
    found: dict[str, Any] = read_json(Path("reports/candidates.json"))
    return found


def test_the_chosen_base_is_pinned_and_the_report_states_why(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole stage, child processes and all."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    found = run(declare(*THREE, max_parameters=12_000))
    assert (found["chosen"], found["decided"], found["possibly_best"]) == ("one", True, ["one"])
    assert {name: one["parameters"] for name, one in found["each"].items()} == PARAMETERS
    assert found["each"]["two"]["excluded"] == ["20,227 is more than base.choice.max_parameters: 12,000"]
    base, folder = pinned_base(Path("reports/manifest.json")), open_base(Path("reports/manifest.json"))
    assert (base.layers, base.license) == (1, "mit")
    model, _ = TASK.load_base(folder, LABELS, ModelInit())
    assert model.config.num_hidden_layers == 1
    report = Path("reports/report.md").read_text()
    assert "its first 1 layers" in report
    assert "| **one** | 1 (1 to 1) |" in report
    assert "- other is excluded: 20,227 is more than" in report


@pytest.mark.usefixtures("_repository")
def test_only_rows_that_training_sees_rank_and_each_base_is_measured_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        measure, "open_split", lambda split: (opened.append(split.name), open_split(split))[1]
    )
    run(declare(*THREE[:2]))
    assert opened == 2 * ["train", "validation"]


@pytest.mark.usefixtures("_repository")
def test_what_a_reviewer_reads_holds_every_candidate_and_the_manifest_no_measured_number() -> None:
    found = run(declare(*THREE))
    for name, one in found["each"].items():
        assert set(one["scores"]) == {"linear_probe", "nearest_neighbours", "logme", "h_score"}, name
        for score in one["scores"].values():
            assert score["low"] <= score["value"] <= score["high"]
            assert score["rank"]["low"] <= score["rank"]["value"] <= score["rank"]["high"]
    assert found["possibly_best"][0] == min(
        found["each"], key=lambda name: found["each"][name]["scores"]["linear_probe"]["value"]
    )
    manifest = Path("reports/manifest.json").read_text()
    assert "probe" not in manifest
    assert "candidates" not in manifest


@pytest.mark.slow
@pytest.mark.usefixtures("_repository")
def test_another_losing_candidate_leaves_what_later_stages_read_as_it_is() -> None:
    """So that no later stage runs again; a change of the chosen one does change it."""

    def read_later() -> list[bytes]:
        return [Path("reports", name).read_bytes() for name in ("manifest.json", "fit.json")]

    run(declare(*THREE[:2], use="one"))
    before = read_later()
    run(declare(*THREE[1:], use="one"))
    assert read_later() == before
    run(declare(*THREE[1:], use="other"))
    assert all(one != other for one, other in zip(read_later(), before, strict=True))


@pytest.mark.usefixtures("_repository")
def test_a_declared_candidate_is_taken_and_the_report_states_that_it_was_not_chosen() -> None:
    found = run(declare(*THREE[1:], use="other", rank_by="logme"))
    assert (found["chosen"], found["ranked_by"]) == ("other", "logme")
    report = Path("reports/report.md").read_text()
    assert "Declared: other" in report or found["possibly_best"][0] == "other"


@pytest.mark.usefixtures("_repository")
@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ({"max_gflops": 1e-9}, "no candidate is left; raise the limits"),
        ({"max_training_mib": 1, "max_parameters": 10}, "no candidate is left; raise the limits"),
        ({"max_parameters": 12_000, "use": "two"}, "base.choice.use: two is excluded; raise the limits"),
    ],
)
def test_limits_that_leave_nothing_are_refused_with_every_reason(
    choice: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BaseModelError, match=complaint) as refused:
        run(declare(*THREE, **choice))
    assert len(refused.value.problems) == 1 + (2 if "use" in choice else 3)
    assert not Path("reports").exists()


@pytest.mark.usefixtures("_repository")
def test_all_candidates_that_cannot_be_used_are_named_at_once() -> None:
    shutil.copytree("a", "copy")
    Path("b/evil.py").write_text("x")
    hashed = candidate("hashed", "a", layers=1, sha256={"config.json": "0" * 64})
    given = (*THREE, candidate("copy", "copy"), candidate("lost", "nowhere"), hashed)
    with pytest.raises(BaseModelError) as refused:
        run(declare(*given))
    evil, same, lost, wrong = refused.value.problems
    assert evil.startswith("base.candidates[2] (other): b/evil.py: is code")
    assert same == "base.candidates[3] (copy): has the same files as candidate two; drop one"
    assert lost.startswith("base.candidates[4] (lost): nowhere: base.source.folder: no such folder")
    assert "base.candidates[5] (hashed): a/config.json: has sha256" in wrong
    assert not Path("reports").exists()


def operations(tokens: int) -> int:
    """Of the toy BERT of two layers, 32 wide: products of matrices, two operations a multiplication."""
    projections, feed_forward, attention = 4 * 32 * 32, 2 * 32 * 64, 2 * tokens * 32
    return 2 * (2 * tokens * (projections + feed_forward + attention) + 32 * 32 + 32 * len(LABELS))


@pytest.mark.usefixtures("_repository")
def test_operations_are_those_of_the_architecture() -> None:
    rows = open_split(load_prepared(Path("prepare")).splits["validation"])
    model, tokenizer = TASK.load_base(Path("a"), LABELS, ModelInit())
    lengths = [len(tokenizer(text)["input_ids"]) for text in rows["text"][: measure.COUNTED_ROWS]]
    expected = sum(map(operations, lengths)) / len(lengths) / 1e9
    assert measure.mean_gflops(TASK, model, tokenizer, rows) == pytest.approx(expected, rel=1e-6)
