"""The whole pipeline for a tiny model of each family: every stage's own code, up to a verified package."""

import datetime
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer
from transformers.utils import chat_template_utils

from teacherspec.package.golden_examples import check_golden
from teacherspec.package.verification.package_reader import open_package
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.generation import load_answers, load_token_predictions
from teacherspec.predictions.top_k_tokens import load_top_k, load_vocabulary
from teacherspec.runtime.atomic_io import read_json
from tests.pipeline.causal_lm.conftest import DATED, run_pipeline
from tests.pipeline.causal_lm.toys import task
from tests.toys.page_reader import PageReader


def test_it_learns_and_ends_its_answers(pipeline_run):
    metrics = read_json(pipeline_run.stages.reports / "evaluate/metrics.json")
    assert metrics["gain"]["test"]["nll"]["low"] > 0
    assert metrics["test"]["perplexity"]["value"] < 2 < metrics["base"]["test"]["perplexity"]["value"]
    assert metrics["test"]["generated"]["stopped"]["value"] > 0.9
    assert metrics["test"]["generated"]["exact_match"]["value"] > 0.5
    assert read_json(pipeline_run.teacher / "READINESS.json")["verdict"] == "ready"


def test_the_plots_are_those_of_generation(pipeline_run):
    folder = pipeline_run.stages.reports / "evaluate/plots"
    assert {path.name for path in folder.iterdir()} == {
        "answer_lengths.png",
        "hardest.tsv",
        "learning_curves.png",
        "loss_by_position.png",
        "risk_coverage.png",
    }


def test_the_page_shows_answers_and_losses(pipeline_run):
    read = PageReader(pipeline_run.stages.page.read_text(encoding="utf-8"))
    assert read.open == []
    words = " ".join(read.words.split())
    answer = load_answers(pipeline_run.stages.evaluated, "test")[0]
    assert " ".join(answer.prompt.split()) in words
    assert " ".join(answer.text.split()) in words
    assert "colours ready" in words
    shown = {name: value for name, value, _ in read.shown}
    metrics = read_json(pipeline_run.stages.reports / "evaluate/metrics.json")
    assert shown["evaluate.test.perplexity"] == metrics["test"]["perplexity"]["value"]
    assert shown["evaluate.test.generated.chrf"] == metrics["test"]["generated"]["chrf"]["value"]


def test_the_package_passes_its_own_checks(pipeline_run):
    found = {check.name: check.problems for check in verify(pipeline_run.teacher)}
    assert found == dict.fromkeys(found, ())


def test_the_package_passes_its_own_checks_on_any_day(pipeline_run, monkeypatch):
    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2031, 3, 1)

    monkeypatch.setattr(chat_template_utils, "datetime", Later)
    tokenizer = AutoTokenizer.from_pretrained(pipeline_run.teacher / "model")
    served = tokenizer.apply_chat_template([{"role": "user", "content": "?"}], tokenize=False)
    assert served.startswith("26 Jul 2024")
    found = {check.name: check.problems for check in verify(pipeline_run.teacher)}
    assert found == dict.fromkeys(found, ())


def test_a_package_with_an_undecided_day_is_called_that_and_not_tampered_with(pipeline_run, tmp_path):
    teacher = tmp_path / "teacher"
    shutil.copytree(pipeline_run.teacher, teacher)
    (teacher / "model/chat_template.jinja").write_text(DATED)
    problem, *_ = check_golden(open_package(teacher))
    assert "writes the present day into prompts (line 1)" in problem


def test_predictions_do_not_depend_on_the_batch(pipeline_run, tmp_path):
    from teacherspec.inference.generation import predict_tokens
    from teacherspec.splits import load_prepared, open_split

    model, tokenizer = task().load(pipeline_run.stages.finetuned / "model")
    rows = open_split(load_prepared(pipeline_run.stages.prepared).splits["test"], tmp_path)
    one, many = (predict_tokens(task(), model, tokenizer, rows, size) for size in (1, 16))
    stored = load_token_predictions(pipeline_run.stages.evaluated, "test")
    assert one.ids == many.ids == stored.ids
    np.testing.assert_allclose(one.nll(), many.nll(), atol=2e-5)
    np.testing.assert_allclose(stored.nll(), many.nll(), atol=2e-5)
    np.testing.assert_allclose(one.sums, many.sums, rtol=1e-4, atol=1e-3)


def test_answers_are_stored_with_those_of_the_base(pipeline_run):
    answers = load_answers(pipeline_run.stages.evaluated, "test")
    assert len(answers) == 20
    assert all(one.references and one.text != one.base_text for one in answers)
    assert any(one.correct for one in answers)


def test_soft_targets_are_the_models_own_distribution(pipeline_run):
    path = next((pipeline_run.teacher / "distill/soft").glob("validation-*.parquet"))
    for row in pq.read_table(path).to_pylist()[:3]:
        assert len(row["positions"]) == sum(row["completion_mask"]) == len(row["token_ids"])
        kept = np.exp(np.asarray(row["top_values"], np.float64)).sum(axis=1)
        np.testing.assert_allclose(kept + np.exp(row["tail_log_mass"]), 1.0, atol=5e-3)


def test_the_stored_top_k_are_the_packaged_soft_targets(pipeline_run):
    path = next((pipeline_run.teacher / "distill/soft").glob("validation-*.parquet"))
    packaged = pq.read_table(path).to_pylist()
    stored = load_top_k(pipeline_run.stages.evaluated, "validation")
    for at, row in enumerate(packaged):
        one = stored.take([at])
        assert (one.ids, one.input_ids.tolist()) == ([row["id"]], row["input_ids"])
        assert one.supervised.tolist() == [bool(flag) for flag in row["completion_mask"]]
        np.testing.assert_allclose(one.targets["top_values"], np.array(row["top_values"])[:, :8], atol=5e-3)
        np.testing.assert_allclose(one.targets["label_log_prob"], row["label_log_prob"], atol=1e-4)
    width = read_json(pipeline_run.teacher / "model/config.json")["vocab_size"]
    assert load_vocabulary(pipeline_run.stages.evaluated) == width


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mistral", "qwen2", "qwen3", "gpt2"])
def test_every_family_goes_down_the_road(family, tmp_path):
    run = run_pipeline(tmp_path, family)
    found = {check.name: check.problems for check in verify(run.teacher)}
    assert found == dict.fromkeys(found, ())
    metrics = read_json(run.stages.reports / "evaluate/metrics.json")
    assert metrics["gain"]["test"]["nll"]["low"] > 0
    gained = metrics["gain"]["test"]["generated"]["exact_match"]
    assert gained["low"] > 0, "more right answers than the untrained base, also after an empty thought"
