"""The package of a language model: its vocabulary, tampering with what is stored, the teacher in use."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.package.card.card_findings import worse_calibrated
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.predictions.generation import load_answers, load_token_predictions
from teacherspec.runtime.atomic_io import read_json, write_json, write_parquet
from teacherspec.serving import load_teacher
from teacherspec.splits import load_prepared, open_split
from tests.pipeline.causal_lm.conftest import DECLARED, package_again
from tests.pipeline.causal_lm.toys import task
from tests.toys import language_pipeline
from tests.toys.language_models import CHATML, tiny_tokenizer


def test_padding_of_the_vocabulary_can_be_trimmed_and_tokens_drawn(pipeline_run, tmp_path):
    stated = read_json(pipeline_run.teacher / "metadata.json")["vocabulary"]
    assert stated["padded"] > 0
    rows = stated["highest_id"] + 1
    teacher = package_again(pipeline_run, tmp_path, trim_vocabulary=rows, sampled_tokens=20)
    assert [check for check in verify(teacher) if check.problems] == []
    trimmed = read_json(teacher / "metadata.json")
    padding = [
        any(
            f"package.trim_vocabulary: {rows}" in advice
            for advice in read_json(folder / "metadata.json")["advice"]
        )
        for folder in (pipeline_run.teacher, teacher)
    ]
    assert padding == [True, False]
    assert trimmed["vocabulary"] == {**stated, "rows": rows, "padded": 0}
    assert trimmed["soft_targets"]["tokens"]["sampled"] == 20
    before, after = (
        AutoModelForCausalLM.from_pretrained(folder / "model") for folder in (pipeline_run.teacher, teacher)
    )
    assert [
        read_json(folder / "metadata.json")["parameters"] for folder in (pipeline_run.teacher, teacher)
    ] == [model.num_parameters() for model in (before, after)]
    head = [model.get_output_embeddings().weight for model in (before, after)]
    assert torch.equal(head[0][:rows], head[1]), "the rows that stay are copied bit by bit"
    ids = torch.tensor([[1, 5, 9]])
    with torch.inference_mode():  # products of other shapes may be rounded in another order
        torch.testing.assert_close(after(ids).logits, before(ids).logits[..., :rows])


@pytest.mark.parametrize("rows", [10, 401])
def test_a_vocabulary_that_lacks_a_token_or_has_none_is_refused(pipeline_run, tmp_path, rows):
    allowed = read_json(pipeline_run.teacher / "metadata.json")["vocabulary"]["highest_id"] + 1
    with pytest.raises(UserError, match=rf"given {rows}; allowed: {allowed} .* to 400 "):
        package_again(pipeline_run, tmp_path, trim_vocabulary=rows)
    assert list(tmp_path.glob("*teacher*")) == []


def test_generation_with_the_package_samples_without_changes(pipeline_run):
    settings = read_json(pipeline_run.teacher / "model/generation_config.json")
    expected = {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "_from_model_config"}
    assert settings.keys() <= expected
    assert (
        task().encoder(AutoTokenizer.from_pretrained(pipeline_run.teacher / "model")).stop_id
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


def other_question_with_its_hash(row):
    row["prompt"] = "Who?"
    row["content_sha256"] = content_sha256(["Who?"])


def other_positions(row):
    row["positions"] = [at - 1 for at in row["positions"]]


def other_draws(row):
    row["sampled_ids"] = [list(range(100, 100 + len(ids))) for ids in row["sampled_ids"]]


@pytest.fixture(scope="module")
def drawn(pipeline_run, tmp_path_factory):
    return package_again(pipeline_run, tmp_path_factory.mktemp("drawn"), sampled_tokens=20)


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        pytest.param(earlier, "log-probabilities are off by", marks=pytest.mark.slow),
        (likelier, "log-probabilities are off by"),
        (without_tail, "tail_log_mass is off by"),
        (without_the_likeliest, "other tokens than those stored are likelier"),
        pytest.param(other_answer, "is off by", marks=pytest.mark.slow),
        (other_question, "content_sha256 is not that of its content"),
        (other_question_with_its_hash, "input_ids are not those of its content"),
        (other_positions, "positions are not those before its supervised tokens"),
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


@pytest.fixture(scope="module")
def teacher(pipeline_run):
    return load_teacher(pipeline_run.teacher)


def test_it_answers_as_it_was_evaluated(pipeline_run, teacher):
    evaluated = load_answers(pipeline_run.stages.evaluated, "test")
    found = teacher.answers([{"prompt": one.prompt} for one in evaluated], batch_size=7)
    assert [one.text for one in found] == [one.text for one in evaluated]
    assert [one.tokens for one in found] == [one.tokens for one in evaluated]
    at_one = [one.log_prob[len(one.log_prob) // 2] for one in evaluated]
    assert teacher.temperature != pytest.approx(1.0, abs=1e-3)
    assert [one.log_prob for one in found] != pytest.approx(at_one, abs=1e-4), "calibrated"
    fitted = read_json(pipeline_run.teacher / "calibration/calibration.json")["answers"]
    assert all((one.confidence is None) == (fitted["status"] != "ok") for one in found)
    assert teacher.answers([]) == []


def test_it_scores_given_answers_at_its_temperature(pipeline_run, teacher, tmp_path):
    split = load_prepared(pipeline_run.stages.prepared).splits["calibration"]
    rows = open_split(split, tmp_path).to_list()
    found = teacher.log_probs(rows)
    assert [len(one) for one in found] == load_token_predictions(
        pipeline_run.stages.evaluated, "calibration"
    ).tokens.tolist()
    stated = read_json(pipeline_run.teacher / "calibration/calibration.json")["before_after"]["nll"]["after"]
    assert -np.concatenate(found).mean() == pytest.approx(stated, abs=2e-5)
    assert teacher.log_probs([]) == []


def test_predict_gives_a_line_an_answer(pipeline_run, teacher):
    rows = [{"id": "a", "prompt": "1: What has the fox?"}, {"prompt": "2: What has the spider?"}]
    lines = "\n".join(json.dumps(row) for row in rows)
    done = CliRunner().invoke(
        main, ["predict", str(pipeline_run.teacher), "--max-new-tokens", "5"], input=lines
    )
    assert (done.exit_code, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    expected = teacher.answers(rows, max_new_tokens=5)
    assert [one["answer"] for one in found] == [one.text for one in expected]
    assert [one["log_prob"] for one in found] == pytest.approx([one.log_prob for one in expected], abs=1e-4)
    assert [one.get("id") for one in found] == ["a", None]
    assert all(one["tokens"] <= 5 for one in found)


def test_a_pipeline_of_transformers_writes_the_same(pipeline_run, teacher):
    write = pipeline("text-generation", model=str(pipeline_run.teacher / "model"), device="cpu")
    turns = [{"role": "user", "content": "7: What has the dog?"}]
    found = write(turns, max_new_tokens=24, do_sample=False)[0]["generated_text"][-1]["content"]
    assert found.strip() == teacher.answers([{"prompt": turns[0]["content"]}])[0].text.strip()


def test_the_card_has_a_program_that_answers_as_the_teacher_does(pipeline_run, teacher, monkeypatch, capsys):
    card = (pipeline_run.teacher / "README.md").read_text()
    program = card.partition("To generate an answer:\n\n```python\n")[2].partition("```")[0]
    asked = program.replace('question = "a prompt"', 'question = "3: What has the fox?"')
    assert asked != program
    monkeypatch.chdir(pipeline_run.teacher)
    exec(asked, {})  # noqa: S102 the code under test
    (expected,) = teacher.answers([{"prompt": "3: What has the fox?"}])
    assert capsys.readouterr().out.strip() == expected.text.strip()


@pytest.mark.parametrize(
    "declared",
    [
        {"rendering": {"kind": "chat"}, "system": 'Be "brief".'},
        {"rendering": {"kind": "plain"}},
        {"rendering": {"kind": "plain"}, "rows": "alpaca"},
        {"rendering": {"kind": "plain", "frame": "{system}\nQ: {prompt}\nA:"}, "system": "It's me."},
    ],
    ids=["chat", "plain", "alpaca", "framed"],
)
def test_the_program_of_every_rendering_asks_what_was_learned(declared):
    kind, tokenizer = task(**declared), tiny_tokenizer(CHATML)
    row = {"prompt": "a prompt", "instruction": "a prompt", "input": ""}
    names = {"tokenizer": tokenizer, "question": "a prompt"}
    exec(kind.rendering.usage_snippet(kind.system, kind.row_format().frame), names)  # noqa: S102
    expected = kind.encoder(tokenizer).encode_prompt(kind.conversation(row))
    assert names["batch"]["input_ids"][0].tolist() == expected


def test_the_card_states_where_calibration_made_it_worse(pipeline_run):
    def findings(before, after, worsened):
        value = round(after["value"] - before["value"], 6)
        change = {"value": value, "low": value - 0.02, "high": value + 0.02}
        ece = {"before": before, "after": after, "change": change}
        error = {"shifted": {"ece": ece, "worsened": worsened}, "test": {"ece": {}}}
        return list(worse_calibrated(SimpleNamespace(prepared=prepared, reports={"calibrate": error})))

    prepared = load_prepared(pipeline_run.stages.prepared)
    low, middle, high = (
        {"value": value, "low": value - 0.01, "high": value + 0.01} for value in (0.02, 0.035, 0.08)
    )
    assert findings(middle, low, 0) == []
    (sure,) = findings(low, high, 1)
    assert "`shifted` worse: ECE 0.020 (0.010–0.030) → 0.080 (0.070–0.090). Do not trust" in sure
    (unsure,) = findings(low, middle, 0)
    assert unsure.endswith("the change 0.015 (-0.005–0.035) may be chance.")


STUDENT = {
    "source": {"kind": "hub", "id": "owner/small", "revision": "0123456789abcdef0123456789abcdef01234567"},
    "learns": "text",
    "files": {"tokenizer.json": "0" * 64},
    "architecture": "gpt2",
    "vocabulary": {"rows": 512, "tokens": 300, "sha256": "0" * 64},
    "differences": [
        {
            "name": "vocabulary",
            "what": "3 tokens have other ids, such as '`|' (3, in the student 4)",
            "breaks": "probabilities of different tokens are compared",
            "remedy": "declare `learns: text`",
            "blocks": True,
        }
    ],
    "possible": ["The teacher's answers as text."],
}


def test_the_declared_student_is_in_metadata_and_card(pipeline_run, tmp_path, monkeypatch):
    reports = Path(shutil.copytree(pipeline_run.stages.reports, tmp_path / "reports"))
    stages = Stages(pipeline_run.stages.artifacts, reports)
    monkeypatch.chdir(tmp_path)
    write_json(reports / "check_rows/student.json", STUDENT)
    declared = {"source": STUDENT["source"], "learns": "text"}
    teacher = language_pipeline.packaged(stages, task(**DECLARED["llama"]), tmp_path, student=declared)
    assert read_json(teacher / "metadata.json")["student"] == STUDENT
    card = (teacher / "README.md").read_text()
    assert "### The declared student" in card
    assert "probabilities of different tokens are compared" in card
    assert [check for check in verify(teacher) if check.problems] == []
    # Somebody hides the difference, and rewrites all files that say so.
    hidden = {**STUDENT, "differences": []}
    write_json(teacher / "eval/check_rows/student.json", hidden)
    metadata = read_json(teacher / "metadata.json")
    write_json(teacher / "metadata.json", {**metadata, "student": hidden})
    write_sums(teacher)
    failed = {check.name: check.problems for check in verify(teacher) if check.problems}
    assert "contradict each other" in failed["labels"][0]
    assert not (pipeline_run.teacher / "eval/check_rows").exists()
