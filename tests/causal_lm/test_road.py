"""The whole road for a tiny model of each family: every stage's own code, down to a verified package."""

import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from teacherspec.calibrate.section import Calibrate
from teacherspec.calibrate.stage import run_calibrate
from teacherspec.errors import UserError
from teacherspec.evaluate.section import Evaluate
from teacherspec.evaluate.stage import run_evaluate
from teacherspec.files import read_json, write_json, write_parquet
from teacherspec.finetune.section import Finetune
from teacherspec.finetune.train import finetune
from teacherspec.package.checksums import write_sums
from teacherspec.package.evidence import Stages
from teacherspec.package.gates import find
from teacherspec.package.section import Package
from teacherspec.package.stage import run_package
from teacherspec.package.token_gates import token_metrics
from teacherspec.package.verify import verify
from teacherspec.token_predictions import load_answers, load_token_predictions
from tests.causal_lm.toys import ROLES, lm_base, lm_prepared, task
from tests.language.tiny import CHATML, LLAMA3, MISTRAL

TEMPLATES = {"llama": LLAMA3, "mistral": MISTRAL, "qwen2": CHATML, "qwen3": CHATML, "gpt2": CHATML}
SPEC = {
    "task": task().model_dump(mode="json"),
    "base": {"source": {"kind": "path", "folder": "base", "outside_repository": False}},
}
PACKAGE = {
    "name": "colours", "description": "Names colours.", "intended_use": "Tests.", "data_license": "cc0-1.0",
    "gates": [
        {"metric": "evaluate.base.nll_change", "at_most": 0.0, "judge": "bound"},
        {"metric": "evaluate.test.generated.stopped", "at_least": 0.9},
        {"metric": "calibrate.calibration.fitted", "at_least": 1},
    ],
}  # fmt: skip


class Road(NamedTuple):
    stages: Stages
    teacher: Path


def walk(place: Path, family: str) -> Road:
    stages = Stages(place / "artifacts", place / "reports")
    stages.prepared.mkdir(parents=True)
    prepared = lm_prepared(stages.prepared)
    base = lm_base(place / "base", family, TEMPLATES[family])
    source = SPEC["base"]["source"]
    manifest = {"source": source, "architecture": family, "license": "mit", "files": {}}
    write_json(stages.reports / "base/manifest.json", manifest)
    here = Path.cwd()
    os.chdir(place)
    try:
        training = Finetune(epochs=5, batch_size=8, learning_rate=1e-2)
        finetune(task(), training, base, prepared, place / "run", stages.finetuned)
        declared = json.dumps(
            {"resamples": 100, "latency_examples": 10, "generation": {"rows": 20, "max_new_tokens": 24}}
        )
        report = stages.reports / "evaluate"
        run_evaluate(
            task(),
            Evaluate.model_validate_json(declared),
            stages.prepared,
            stages.finetuned,
            stages.evaluated,
            report,
            report / "latency.json",
            untrained=lambda: base,
        )
        calibrated = stages.reports / "calibrate"
        run_calibrate(Calibrate(resamples=100), stages.evaluated, stages.calibrated, calibrated)
        section = Package.model_validate_json(json.dumps(PACKAGE))
        spec = {**SPEC, "package": section.model_dump(mode="json")}
        run_package(section, task(), spec, stages, place / "teacher", place / "report")
    finally:
        os.chdir(here)
    return Road(stages, place / "teacher")


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    return walk(tmp_path_factory.mktemp("llama"), "llama")


def test_it_learns_and_ends_its_answers(road):
    metrics = read_json(road.stages.reports / "evaluate/metrics.json")
    assert metrics["base"]["nll_change"]["high"] < 0
    assert metrics["test"]["perplexity"]["value"] < 2 < metrics["base"]["test"]["perplexity"]["value"]
    assert metrics["test"]["generated"]["stopped"]["value"] > 0.9
    assert metrics["test"]["generated"]["exact_match"]["value"] > 0.5
    assert read_json(road.teacher / "READINESS.json")["verdict"] == "ready"


def test_the_package_is_what_it_says(road):
    found = {check.name: check.problems for check in verify(road.teacher)}
    assert found == dict.fromkeys(found, ())


def test_reports_hold_every_number_that_a_gate_may_name(road):
    reports = {
        stage: read_json(road.stages.reports / stage / "metrics.json") for stage in ("evaluate", "calibrate")
    }
    missing = {name for name in token_metrics(ROLES) if find(reports, name) is None}
    rare = {"correctness_auroc", "ece.after", "rougeLsum", "rouge1", "rouge2", "rougeL"}
    missing = {name for name in missing if not name.startswith("ratings.")}  # only where people rated
    assert {name for name in missing if not any(name.endswith(end) for end in rare)} == set()


def test_predictions_do_not_depend_on_the_batch(road, tmp_path):
    from teacherspec.prepared import load_prepared, open_split
    from teacherspec.tasks.token_predict import predict_tokens

    model, tokenizer = task().load(road.stages.finetuned / "model")
    rows = open_split(load_prepared(road.stages.prepared).splits["test"], tmp_path)
    one, many = (predict_tokens(task(), model, tokenizer, rows, size) for size in (1, 16))
    stored = load_token_predictions(road.stages.evaluated, "test")
    assert one.ids == many.ids == stored.ids
    np.testing.assert_allclose(one.nll(), many.nll(), atol=2e-5)
    np.testing.assert_allclose(stored.nll(), many.nll(), atol=2e-5)
    np.testing.assert_allclose(one.sums, many.sums, rtol=1e-4, atol=1e-3)


def test_answers_are_kept_beside_those_of_the_base(road):
    answers = load_answers(road.stages.evaluated, "test")
    assert len(answers) == 20
    assert all(one.references and one.text != one.base_text for one in answers)
    assert any(one.correct for one in answers)


def test_soft_targets_are_the_models_own_distribution(road):
    path = next((road.teacher / "distill/soft").glob("validation-*.parquet"))
    for row in pq.read_table(path).to_pylist()[:3]:
        assert len(row["positions"]) == sum(row["completion_mask"]) == len(row["token_ids"])
        kept = np.exp(np.asarray(row["top_values"], np.float64)).sum(axis=1)
        np.testing.assert_allclose(kept + np.exp(row["tail_log_mass"]), 1.0, atol=5e-3)


def again(road, place, **values):
    """The teacher packaged anew with other keys of `package`."""
    section = Package.model_validate_json(json.dumps({**PACKAGE, **values}))
    spec = {**SPEC, "package": section.model_dump(mode="json")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        run_package(section, task(), spec, road.stages, place / "teacher", place / "report")
    return place / "teacher"


def test_padding_of_the_vocabulary_can_be_trimmed_and_tokens_drawn(road, tmp_path):
    stated = read_json(road.teacher / "metadata.json")["vocabulary"]
    assert stated["padded"] > 0
    rows = stated["highest_id"] + 1
    teacher = again(road, tmp_path, trim_vocabulary=rows, sampled_tokens=20)
    assert [check for check in verify(teacher) if check.problems] == []
    trimmed = read_json(teacher / "metadata.json")
    assert trimmed["vocabulary"] == {**stated, "rows": rows, "padded": 0}
    assert trimmed["soft_targets"]["tokens"]["sampled"] == 20
    before, after = (
        AutoModelForCausalLM.from_pretrained(folder / "model") for folder in (road.teacher, teacher)
    )
    ids = torch.tensor([[1, 5, 9]])
    with torch.inference_mode():
        assert torch.equal(before(ids).logits[..., :rows], after(ids).logits)


@pytest.mark.parametrize("rows", [10, 401])
def test_a_vocabulary_that_lacks_a_token_or_has_none_is_refused(road, tmp_path, rows):
    allowed = read_json(road.teacher / "metadata.json")["vocabulary"]["highest_id"] + 1
    with pytest.raises(UserError, match=rf"given {rows}; allowed: {allowed} .* to 400 "):
        again(road, tmp_path, trim_vocabulary=rows)
    assert list(tmp_path.glob("*teacher*")) == []


def test_whoever_generates_with_it_samples_neutrally(road):
    settings = read_json(road.teacher / "model/generation_config.json")
    told = {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "_from_model_config"}
    assert settings.keys() <= told
    assert (
        task().encoder(AutoTokenizer.from_pretrained(road.teacher / "model")).stop_id
        in settings["eos_token_id"]
    )


def earlier(row):
    """The classic off-by-one: targets of the position before."""
    for name in ("token_ids", "top_values"):
        row[name] = [row[name][-1], *row[name][:-1]]


def likelier(row):
    row["top_values"] = [[value + 0.1 for value in values] for values in row["top_values"]]


def without_tail(row):
    row["tail_log_mass"] = [-30.0] * len(row["tail_log_mass"])


def without_the_likeliest(row):
    for name in ("token_ids", "top_values"):
        row[name] = [[*values[1:], values[1]] for values in row[name]]


def other_answer(row):
    row["input_ids"][-2] = row["input_ids"][-3]


def other_question(row):
    row["prompt"] = "Who?"


def other_positions(row):
    row["positions"] = [at - 1 for at in row["positions"]]


def other_draws(row):
    row["sampled_ids"] = [list(range(100, 100 + len(ids))) for ids in row["sampled_ids"]]


@pytest.fixture(scope="module")
def drawn(road, tmp_path_factory):
    return again(road, tmp_path_factory.mktemp("drawn"), sampled_tokens=20)


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (earlier, "log-probabilities are off by"),
        (likelier, "log-probabilities are off by"),
        (without_tail, "tail_log_mass is off by"),
        (without_the_likeliest, "other tokens than those stored are likelier"),
        (other_answer, "is off by"),
        (other_question, "content_sha256 is not that of its content"),
        (other_positions, "positions are not those before its learned tokens"),
        (other_draws, "sampled_ids are no draws from the model"),
    ],
)
def test_tampered_targets_are_caught_even_with_new_checksums(drawn, tmp_path, tamper, says):
    teacher = tmp_path / "teacher"
    shutil.copytree(drawn, teacher)
    path = next((teacher / "distill/soft").glob("validation-*.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        tamper(row)
    write_parquet(path, pa.Table.from_pylist(rows, schema=table.schema))
    write_sums(teacher)
    found = {check.name: check.problems for check in verify(teacher)}
    assert any(says in problem for problem in found["soft targets"]), found["soft targets"]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mistral", "qwen2", "qwen3", "gpt2"])
def test_every_family_goes_down_the_road(family, tmp_path):
    walked = walk(tmp_path, family)
    found = {check.name: check.problems for check in verify(walked.teacher)}
    assert found == dict.fromkeys(found, ())
    metrics = read_json(walked.stages.reports / "evaluate/metrics.json")
    assert metrics["base"]["nll_change"]["high"] < 0
