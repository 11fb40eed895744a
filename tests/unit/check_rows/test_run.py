"""What `evaluate` and `package` declare and the rows or the base forbid is refused before the training."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from stages.check_rows import FIT, main
from teacherspec.base import sandbox_worker
from teacherspec.check_rows.run import check_rows
from teacherspec.errors import DataError, UserError
from teacherspec.evaluate.generation.text_metrics import is_correct
from teacherspec.evaluation_rows.prompts import ANSWERED, gather_prompts
from teacherspec.evaluation_rows.slice_features import MOST_VALUES
from teacherspec.package.vocab_fingerprint import vocabulary
from teacherspec.runtime.atomic_io import read_json, write_json, write_parquet
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.package import Package
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import BagOfNgrams
from teacherspec.splits import Prepared, load_prepared, open_split, places_file, save_index
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
from teacherspec.tasks.text_classification.task import TextClassification
from tests.pipeline.causal_lm.toys import lm_base, task
from tests.toys.trained_language_model import ROLES, write_prepared

CLASSIFIER = TextClassification(kind="text_classification")
WORDS = {"name": "a", "description": "A.", "intended_use": "Tests.", "data_license": "cc0-1.0"}
SIZES = {"vocabulary": {"embedding_rows": 400, "tokenizer": 300}}


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problems(
    kind: Any,
    evaluate: dict[str, Any],
    package: dict[str, Any],
    fit: Any = SIZES,
    probe: Probe = Probe(),  # noqa: B008 (frozen)
) -> tuple[str, ...]:
    """What is refused of `prepared/` with these keys."""
    write_json(Path("reports/fit.json"), fit)
    sections = Evaluate.model_validate_json(json.dumps(evaluate)), probe, Package(**WORDS, **package)
    try:
        check_rows(kind, *sections, Path("prepared"), Path("reports"))
    except UserError as error:
        return error.problems
    return ()


def tickets(values: int) -> Prepared:
    """Splits of a classifier; the columns of the test split have so many values."""
    tables = {}
    for name in ROLES:
        rows = range(values if name == "test" else 2)
        tables[name] = pa.table(
            {
                "id": [f"{name}{row}" for row in rows],
                "text": ["a"] * len(rows),
                "label": pa.array([0] * len(rows), pa.int32()),
                "desk": [f"desk {row}" for row in rows],
                "age": [None, *rows][: len(rows)],
            }
        )
    Path("prepared").mkdir()
    prepared = replace(write_prepared(Path("prepared"), "text_classification", tables), label_names=("x",))
    save_index(Path("prepared"), prepared)
    return prepared


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "column", "column": name, **more}


def test_columns_that_cannot_be_sliced_are_named_at_once() -> None:
    tickets(MOST_VALUES + 1)
    slices = [column("desk"), column("desk", edges=[1]), column("age", edges=[1]), {"kind": "label"}]
    many, texts = problems(CLASSIFIER, {"slices": slices}, {})
    assert "column desk has 201 distinct values (allowed 200)" in many
    assert "column desk holds texts, which have no edges" in texts


def test_columns_that_can_be_sliced_pass() -> None:
    tickets(MOST_VALUES)
    slices = [column("desk"), column("age"), column("age", edges=[1, 50])]
    assert problems(CLASSIFIER, {"slices": slices}, {}, fit={}) == ()


@pytest.mark.parametrize(
    ("package", "refused"),
    [
        ({"top_k": 399}, None),
        ({"top_k": 400}, "package.top_k: given 400; allowed: below 400,"),
        ({"trim_vocabulary": 300}, None),
        ({"trim_vocabulary": 400}, None),
        ({"trim_vocabulary": 299}, "given 299; allowed: 300 (the highest token id is 299) to 400 (the rows"),
        ({"trim_vocabulary": 401}, "given 401; allowed: 300"),
        ({"trim_vocabulary": 320, "top_k": 319}, None),
        ({"trim_vocabulary": 320, "top_k": 320}, "package.top_k: given 320; allowed: below 320,"),
    ],
)
def test_the_vocabulary_of_the_base_limits_the_package(package: dict[str, int], refused: str | None) -> None:
    tickets(2)
    found = problems(task(), {}, package)
    assert len(found) == (refused is not None)
    assert refused is None or refused in found[0]


def test_the_vocabulary_of_the_base_limits_the_stored_tokens() -> None:
    tickets(2)
    assert problems(task(), {"top_k": 399}, {}) == ()
    (refused,) = problems(task(), {"top_k": 400}, {})
    assert refused == "evaluate.top_k: given 400; allowed: below 400, the size of the vocabulary"


def questions(answers: list[tuple[str, str]], places: bool = True) -> Prepared:
    """Splits of a language model; these pairs are the test split."""
    tables = {}
    for name in ROLES:
        pairs = answers if name == "test" else [("1?", "#### 1"), ("2?", "#### 2")]
        tables[name] = pa.table(
            {
                "id": [f"{name}{row}" for row in range(len(pairs))],
                "prompt": [prompt for prompt, _ in pairs],
                "completion": [[answer] for _, answer in pairs],
            }
        )
    Path("prepared").mkdir()
    made = write_prepared(Path("prepared"), "causal_lm", tables)
    for one in made.splits.values() if places else ():
        lines = [f"data/{one.name}.jsonl:{number + 1}" for number in range(one.rows)]
        write_parquet(places_file(Path(), one.sha256), pa.table({"place": lines}))
    return made


PAIRS = [("a?", "#### 1"), ("b?", "two"), ("c?", "three"), ("b?", "#### 2"), ("d?", "four"), ("e?", "#### 5")]
"""Two prompts without a number; another row answers the second one with a number."""


def extracting(pattern: str | None, rows: int = 200) -> dict[str, Any]:
    return {"generation": {"extract": pattern, "rows": rows}}


def test_a_pattern_that_finds_no_answer_names_the_first_row_and_their_number() -> None:
    questions(PAIRS)
    (found,) = problems(task(), extracting("#### (.*)"), {})
    assert found == (
        "evaluate.generation.extract: '#### (.*)' matches in no answer to 2 of 5 prompts of test, the first "
        "data/test.jsonl:3: 'three'; correct the pattern or the rows"
    )
    nowhere = problems(task(), extracting("nowhere"), {})
    assert [re.search("to (.*) prompts of ([a-z]+)", line).groups() for line in nowhere] == [
        ("2 of 2", "calibration"),
        ("5 of 5", "test"),
    ]


def test_without_places_the_row_is_named_by_its_id() -> None:
    questions(PAIRS, places=False)
    (found,) = problems(task(), extracting("#### (.*)"), {})
    assert "the first row test2: 'three'" in found


@pytest.mark.parametrize("rows", [2, 3, 4, 200])
@pytest.mark.parametrize("pattern", ["#### (.*)", ".*", "t.*", None])
def test_the_same_rows_are_refused_as_after_the_training(pattern: str | None, rows: int) -> None:
    questions(PAIRS)
    splits = load_prepared(Path("prepared")).splits
    late = 0
    for name in ANSWERED:
        split = open_split(splits[name])
        prompts = gather_prompts(task(), split, rows)
        assert [split[at]["id"] for at in prompts.numbers] == [row["id"] for row in prompts.rows]
        for references in prompts.references:
            try:
                is_correct("#### 1", references, pattern, "row")
            except DataError:
                late += 1
    found = problems(task(), extracting(pattern, rows), {})
    assert sum(int(re.search(r"to (\d+) of", line)[1]) for line in found) == late


SECTIONS = {
    "task": {"kind": "causal_lm", "rendering": {"kind": "chat"}},
    "prepare": {
        "data": "data",
        "sources": [{"kind": "jsonl", "path": "data/rows.jsonl"}],
        "fractions": {"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2},
    },
    "base": {"source": {"kind": "path", "folder": "base"}, "license": "mit"},
    "finetune": {"epochs": 1, "batch_size": 8, "learning_rate": 0.01},
    "evaluate": {},
    "calibrate": {},
    "probe": {},
    "package": {**WORDS, "gates": [{"metric": "evaluate.gain.test.nll", "at_least": 0}]},
}


def run_stage(fit: Any, evaluate: dict[str, Any], package: dict[str, Any]) -> Result:
    """The command of the pipeline with these keys."""
    write_json(Path("reports/fit.json"), fit)
    declared = {**SECTIONS, "evaluate": evaluate, "package": {**SECTIONS["package"], **package}}
    Path("params.yaml").write_text(json.dumps(declared))
    return CliRunner().invoke(main, ["prepared", "reports", "out/valid.txt", "out/student.json"])


def test_students_of_the_probe_need_words_and_rows() -> None:
    """The toy has two train rows, of one class and one letter each."""
    tickets(3)
    student = BagOfNgrams(kind="bag_of_ngrams")
    few, word = problems(CLASSIFIER, {}, {}, probe=Probe(students=(student,)))
    assert few.startswith("probe.budgets: 0.25 of 2 train rows are 0 for 1 classes (needed: 2 a class, 2)")
    assert word == "probe.students.0.unit: no train text has a word of two letters or more; declare character"
    (budget,) = Probe(students=(student,)).budget_problems(20, 3)
    assert budget.startswith(
        "probe.budgets: 0.25 of 20 train rows are 5 for 3 classes (needed: 2 a class, 6)"
    )
    characters = student.model_copy(update={"unit": "character"})
    assert problems(CLASSIFIER, {}, {}, probe=Probe(students=(characters,), budgets=(1.0,))) == ()
    assert problems(CLASSIFIER, {}, {}, probe=Probe()) == ()


def test_the_stage_refuses_all_at_once_or_writes_a_constant() -> None:
    questions([("What has the fox?", "#### brown"), ("What has the dog?", "#### lazy")])
    refused = run_stage(SIZES, extracting("nowhere"), {"trim_vocabulary": 5})
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 3
    assert "package.trim_vocabulary: given 5" in refused.stderr
    assert not Path("out").exists()
    for evaluate, kept in (extracting("#"), {}), ({}, {"trim_vocabulary": 300}):
        assert run_stage(SIZES, evaluate, kept).exit_code == 0
        assert Path("out/valid.txt").read_text() == FIT
        assert read_json(Path("out/student.json")) == {}, "none is declared"


def test_the_sizes_that_base_reports_are_those_that_package_finds() -> None:
    made = questions([("What has the fox?", "#### brown")])
    folder = lm_base(Path("base"))
    built = dict(sandbox_worker.run(sandbox_worker.Request(folder, None, {}, False)))["built"]
    summary = BaseSummary(**{field.name: built[field.name] for field in fields(BaseSummary)})
    rows = {"train": open_split(made.splits["train"])}
    fit = task().fit_report(task().load_base_processor(folder), rows, summary)
    stated = vocabulary(folder)
    assert stated is not None
    assert stated["padded"] > 0
    assert fit["vocabulary"] == {"embedding_rows": stated["rows"], "tokenizer": stated["highest_id"] + 1}
