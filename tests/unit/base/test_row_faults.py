"""Rows of any split that a base refuses: found before training, named by place, one line for each fault."""

import pyarrow as pa
import pytest

from teacherspec.base.row_faults import refuse_rows
from teacherspec.errors import DataError
from teacherspec.runtime.atomic_io import write_parquet
from teacherspec.splits import places_file
from teacherspec.tasks.text_classification.task import TextClassification
from tests.pipeline.causal_lm.toys import lm_base, task
from tests.toys.chat_templates import GEMMA2
from tests.toys.language_models import CHATML
from tests.toys.trained_language_model import ROLES, write_prepared

GOOD = {"prompt": "What has the fox?", "completion": ["brown"]}
BAD = {
    "long": {"prompt": "1 2 3 4 5 6 7 8 9 " * 8, "completion": ["no"]},
    "longer": {"prompt": "1 2 3 4 5 6 7 8 9 " * 9, "completion": ["no"]},
    "special": {"prompt": "What?", "completion": ["a <s> b"]},
    "thought": {"prompt": "What?", "completion": ["<think>\n1\n</think>\n2"]},
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepared(place, split, names, *, with_places=True):
    tables = {}
    for name in ROLES:
        rows = [GOOD, *(BAD[bad] for bad in names)] if name == split else [GOOD, GOOD]
        ids = [f"{name}{number}" for number in range(len(rows))]
        tables[name] = pa.table({"id": ids, **{key: [row[key] for row in rows] for key in GOOD}})
    made = write_prepared(place, "causal_lm", tables)
    if with_places:
        for one in made.splits.values():
            lines = [f"data/{one.name}.jsonl:{number + 1}" for number in range(one.rows)]
            write_parquet(places_file(place, one.sha256), pa.table({"place": lines}))
    return made


@pytest.mark.parametrize("split", sorted(ROLES))
def test_a_fault_in_any_split_is_named_once_by_its_place(place, split):
    base = lm_base(place / "base")
    with pytest.raises(DataError) as caught:
        refuse_rows(task(), base, prepared(place, split, sorted(BAD)))
    long, special, thought = caught.value.problems
    assert long.startswith(f"data/{split}.jsonl:2: has ")
    assert long.endswith("truncate_prompt (and 1 more rows like it)")
    assert special.startswith(f"data/{split}.jsonl:4: holds <s>")
    assert thought.startswith(f"data/{split}.jsonl:5: has a thought (<think>…</think>)")


def test_rows_that_fit_pass(place):
    refuse_rows(task(), lm_base(place / "base"), prepared(place, "test", []))
    refuse_rows(
        task(max_length=300, thoughts="learned"),
        lm_base(place / "base"),
        prepared(place, "test", ["long", "thought"]),
    )
    refuse_rows(TextClassification(kind="text_classification"), place, prepared(place, "test", list(BAD)))


def test_a_template_that_refuses_every_row_is_one_line(place):
    base = lm_base(place / "base", "llama", GEMMA2.replace("<end_of_turn>", "<|eot_id|>"))
    with pytest.raises(
        DataError,
        match=r"^data/train.jsonl:1: .*System role not supported; .*system_in: user_turn.* .and 8 more rows",
    ):
        refuse_rows(task(system="Be brief."), base, prepared(place, "test", []))


def test_without_places_the_row_keeps_its_name_and_the_remedy_is_said(place):
    with pytest.raises(DataError) as caught:
        refuse_rows(
            task(),
            lm_base(place / "base", "llama", CHATML),
            prepared(place, "test", ["special"], with_places=False),
        )
    first, remedy = caught.value.problems
    assert first.startswith("test, row test1: holds <s>")
    assert "run it here" in remedy


@pytest.mark.parametrize("split", sorted(ROLES))
def test_two_system_prompts_of_one_row_are_named_by_its_place(place, split):
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What?"}]
    tables = {
        name: pa.table(
            {
                "id": [f"{name}0", f"{name}1"],
                "system": ["", "Be kind." if name == split else "Be brief."],
                "prompt": [turns, turns],
                "answer": [["brown"], ["brown"]],
            }
        )
        for name in ROLES
    }
    made = write_prepared(place, "causal_lm", tables)
    kind = task(rows="messages", prompt_columns=["system"])
    with pytest.raises(DataError) as caught:
        refuse_rows(kind, lm_base(place / "base"), made)
    first, _ = caught.value.problems
    assert first.startswith(f"{split}, row {split}1: has two system prompts, in the column system and in its")
