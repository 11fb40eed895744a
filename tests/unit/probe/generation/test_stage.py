"""The whole stage on toy targets of a language model."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from teacherspec.metric_names.probe import probe_names
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from tests.pipeline.test_metric_names import numbers
from tests.unit.probe.toy_language_teacher import ROLES, ROWS, toy_language_teacher

pytestmark = pytest.mark.slow

STUDENT = {
    "kind": "small_llama", "layers": 1, "heads": 2, "width": 16, "epochs": 6, "batch_size": 8,
    "learning_rate": 0.01,
}  # fmt: skip
SMALL = {"temperatures": [1.0], "weights": [0.5], "seeds": 4}


def probe(sources: Sources, folder: Path, **values: Any) -> tuple[dict[str, Any], list[str]]:
    """Content of `metrics.json`, and the printed lines."""
    section = Probe.model_validate_json(json.dumps({"students": [STUDENT], **SMALL, **values}))
    fit = sources.artifacts.parent / "fit.json"
    printed = list(run_probe(section, sources, fit, folder / "out", folder / "report"))
    return read_json(folder / "report/metrics.json"), printed


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    folder = tmp_path_factory.mktemp("probed")
    return folder, *probe(toy_language_teacher(folder), folder)


def test_a_teacher_that_knows_more_than_noisy_answers_lifts(probed: tuple[Path, Any, list[str]]) -> None:
    _, metrics, printed = probed
    assert metrics["test"]["lift"]["low"] > 0.1
    assert metrics["test"]["lifts"] == 1
    assert metrics["test"]["nll_gain"]["low"] > 0
    assert printed[0].startswith("small_llama: lifts; lift +")


def test_a_teacher_that_knows_nothing_does_not_lift(tmp_path: Path) -> None:
    metrics, _ = probe(toy_language_teacher(tmp_path, knows=0.0), tmp_path, budgets=[1.0])
    assert metrics["test"]["lifts"] == 0
    assert metrics["test"]["lift"]["low"] <= 0


def test_its_numbers_are_those_that_gates_may_name(probed: tuple[Path, Any, list[str]]) -> None:
    assert numbers(probed[1], "probe") == probe_names("generation", ROLES, 1, 2).always


def test_every_answer_of_every_seed_is_stored(probed: tuple[Path, Any, list[str]]) -> None:
    rows = pq.read_table(probed[0] / "out/student_1.parquet")
    assert len(rows) == 4 * (ROWS["test"] + ROWS["shifted"])
    assert (probed[0] / "report/plots/lift.png").is_file()
    assert (probed[0] / "report/plots/slices.tsv").read_text().count("\n") == 1, "answers have no slices"


def test_the_same_declaration_gives_the_same_bytes(
    probed: tuple[Path, Any, list[str]], tmp_path: Path
) -> None:
    probe(toy_language_teacher(tmp_path), tmp_path)
    for name in ("report/metrics.json", "report/arms.tsv", "out/student_1.parquet"):
        assert (tmp_path / name).read_bytes() == (probed[0] / name).read_bytes(), name


def test_answers_that_nobody_vouches_for_are_learned_from(tmp_path: Path) -> None:
    metrics, _ = probe(toy_language_teacher(tmp_path, given=True), tmp_path, budgets=[0.25])
    assert metrics["student"]["unlabelled_rows"] == ROWS["given"]
    assert metrics["test"]["lift"]["low"] > 0
