"""Rows with labels of tokens: the formats of annotation tools, what is refused, and what conflicts."""

import importlib.util
import json
from hashlib import sha256
from pathlib import Path
from textwrap import wrap
from typing import Any

import pytest

from teacherspec.splits import load_prepared
from teacherspec.tasks.token_classification.task import TokenClassification
from tests.unit.prepare.toy_data import Workshop, jsonl

ROOT = Path(__file__).parents[3]
SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl", "other_columns": "ignore"}


def workshop(place: Path, **changed: Any) -> Workshop:
    task = TokenClassification(kind="token_classification", entity_types=("ITEM", "DAY"), **changed)
    return Workshop(place, task.row_schema())


def text(at: int) -> str:
    """Texts that resemble each other no more than any others."""
    return "sofa " + " ".join(wrap(sha256(str(at).encode()).hexdigest(), 6))


@pytest.mark.parametrize("tool", ["doccano", "prodigy", "label_studio"])
def test_the_files_of_annotation_tools_are_read(tool: str, tmp_path: Path) -> None:
    prepared = workshop(tmp_path)
    rows: list[dict[str, Any]] = []
    for at in range(60):
        row: dict[str, Any] = {"text": text(at)}
        if tool == "doccano":
            row |= {"id": at + 1, "label": [[0, 4, "ITEM"]], "Comments": []}
        elif tool == "prodigy":
            row |= {"spans": [{"start": 0, "end": 4, "token_start": 0, "label": "ITEM"}], "answer": "accept"}
        else:
            row |= {"label": [{"start": 0, "end": 4, "text": "sofa", "labels": ["ITEM"]}], "annotator": 1}
        rows.append(row)
    prepared.write("data/rows.jsonl", jsonl(rows))
    columns = {} if tool == "prodigy" else {"columns": {"spans": "label"}}
    prepared.prepare([{**SOURCE, **columns}])
    stored = [row for part in prepared.all_rows().values() for row in part]
    assert len(stored) == 60
    assert all(row["spans"] == [{"start": 0, "end": 4, "label": "ITEM"}] for row in stored)
    assert load_prepared(prepared.out).label_names == ("O", "B-ITEM", "I-ITEM", "B-DAY", "I-DAY")
    details = prepared.metrics()["label_details"]["spans"]["train"]
    assert details["entities"] == details["of type ITEM"] == details["rows"]


def test_columns_of_conll_files_are_read(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("from_conll", ROOT / "examples/logistics/from_conll.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    lines = ["-DOCSTART- -X- O O\n", "\n"]
    for at in range(60):
        lines += [f"{word} NN I-NP O\n" for word in text(at).split()[1:]]
        lines += ["two CD I-NP I-ITEM\n", "sofas NNS I-NP I-ITEM\n", "\n"]
    rows = list(program.rows(lines, "eng.train"))
    assert rows[0]["tags"][-3:] == ["O", "I-ITEM", "I-ITEM"]
    prepared = workshop(tmp_path, rows="tokens", invalid_tags="repair")
    prepared.write("data/rows.jsonl", jsonl(rows))
    prepared.prepare([SOURCE])
    stored = [row for part in prepared.all_rows().values() for row in part]
    assert all(row["tags"][-2:] == ["B-ITEM", "I-ITEM"] for row in stored)
    assert "repaired" in prepared.report()
    with pytest.raises(ValueError, match=r"eng.train:2: one column, 'sofa'"):
        list(program.rows(["a O\n", "sofa\n"], "eng.train"))


def test_wrong_spans_are_refused_with_their_places_all_at_once(tmp_path: Path) -> None:
    prepared = workshop(tmp_path)
    wrong: list[dict[str, Any]] = [{"text": text(at), "spans": []} for at in range(6)]
    wrong[0]["spans"] = [[0, 4, "ITEMS"]]
    wrong[1]["spans"] = [[0, 4, "ITEM"], [0, 11, "DAY"]]
    wrong[2]["spans"] = [[0, 3, "ITEM"], [5, 900, "DAY"]]
    wrong[3]["spans"] = None
    del wrong[4]["spans"]
    prepared.write("data/rows.jsonl", jsonl(wrong))
    problems = "\n".join(prepared.refusal([SOURCE]))
    assert "rows.jsonl:1: spans: span 1 has no declared type (given 'ITEMS'; did you mean 'ITEM'" in problems
    assert "rows.jsonl:2: spans: span 2 (0 to 11, DAY) overlaps 0 to 4, ITEM" in problems
    assert "rows.jsonl:3: spans: span 1 (0 to 3, ITEM) ends inside the word 'sofa'" in problems
    assert "span 2 (5 to 900, DAY) ends outside the text" in problems
    assert "rows.jsonl:4: spans: must be a list of spans" in problems
    assert "rows.jsonl:5: spans: missing" in problems


def test_tokens_and_tags_of_different_length_are_refused(tmp_path: Path) -> None:
    prepared = workshop(tmp_path, rows="tokens")
    prepared.write("data/rows.jsonl", json.dumps({"tokens": ["a", "b"], "tags": ["O"]}) + "\n")
    (problem,) = (one for one in prepared.refusal([SOURCE]) if "tags" in one)
    assert "rows.jsonl:1: tags: 1 tags for 2 tokens" in problem


def test_equal_texts_with_other_spans_are_a_conflict(tmp_path: Path) -> None:
    prepared = workshop(tmp_path)
    rows: list[dict[str, Any]] = [{"text": text(at), "spans": [[0, 4, "ITEM"]]} for at in range(60)]
    rows += [{"text": text(0), "spans": []}, {"text": text(1), "spans": [[0, 4, "ITEM"]]}]
    prepared.write("data/rows.jsonl", jsonl(rows))
    problems = "\n".join(prepared.refusal([SOURCE], conflicts="refuse"))
    assert "rows.jsonl:61" in problems
    assert "no entities" in problems
    assert "rows.jsonl:62" not in problems
