"""Rows as other programs write them: read where their meaning is clear, else the error says how."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from teacherspec.tasks.shared.row_formats import ROW_FORMATS, with_prompt_columns
from tests.unit.prepare.toy_data import HALVES, Workshop, jsonl, messages, text_fields

ONE_FILE = [{"kind": "jsonl", "path": "data/rows.jsonl"}]
ONE_TABLE = {"kind": "csv", "path": "data/rows.csv"}


def table(header: str, more: str = "") -> str:
    return header + "\n" + "".join(f"{row['label']},{row['text']}{more}\n" for row in messages(60))


# Texts that differ in case or indentation only


def cased(number: int) -> list[dict[str, str]]:
    names = [f"{name}{at}" for at in range(number) for name in ("apple", "pear", "plum")]
    return [row for name in names for row in (_row(name, "word"), _row(name.title(), "name"))]


def _row(text: str, label: str) -> dict[str, str]:
    return {"text": text, "label": label}


def test_texts_that_differ_in_case_can_be_different_content(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(cased(40)))
    first, *_ = workshop.refusal(ONE_FILE)
    assert "the same but for case or white space: 'apple0' and 'Apple0' (see `prepare.compare`)" in first
    workshop.prepare(ONE_FILE, compare="exact")
    rows = [row["text"] for split in workshop.all_rows().values() for row in split]
    assert sorted(rows) == sorted(row["text"] for row in cased(40))
    assert len({row["id"] for split in workshop.all_rows().values() for row in split}) == len(rows)


def test_texts_that_differ_in_indentation_can_be_different_content(workshop: Workshop) -> None:
    code = [f"if a{at}:{space}print(a{at})" for at in range(60) for space in ("\n    ", "\n\t")]
    workshop.write(
        "data/rows.jsonl", jsonl({"text": text, "label": "ok" if "\t" in text else "bad"} for text in code)
    )
    workshop.prepare(ONE_FILE, compare="exact", near_duplicates=None)
    assert workshop.metrics()["rows"]["kept"] == 120


# Ids


def test_ids_that_repeat_between_files(workshop: Workshop) -> None:
    for name, start in (("train", 0), ("test", 100)):
        rows = [{"id": at, **row} for at, row in enumerate(messages(60, start))]
        workshop.write(f"data/{name}.jsonl", jsonl(rows))
    first, *_ = workshop.refusal([{"kind": "jsonl", "path": "data/t*.jsonl"}])
    assert "id: '0' was already given at data/test.jsonl:1; correct it, or declare `ids: ignore`" in first
    workshop.prepare([{"kind": "jsonl", "path": "data/*.jsonl", "ids": "ignore"}], fractions=HALVES)
    assert workshop.metrics()["rows"]["kept"] == 120


# Headers


@pytest.mark.parametrize(
    ("header", "more"), [("label,text,,,", ",,,"), ("label,text,x,x", ",1,2"), ("label,text,", ",7")]
)
def test_columns_without_a_name_of_their_own_do_no_harm_where_unused(
    header: str, more: str, workshop: Workshop
) -> None:
    workshop.write("data/rows.csv", table(header, more))
    workshop.prepare([{**ONE_TABLE, "other_columns": "ignore"}])
    assert workshop.metrics()["rows"]["kept"] == 60
    assert "the task does not use it" in workshop.refusal([ONE_TABLE])[0]


def test_a_used_column_named_twice_is_refused(workshop: Workshop) -> None:
    workshop.write("data/rows.csv", table("label,text,text", ",a"))
    assert workshop.refusal([{**ONE_TABLE, "other_columns": "ignore"}]) == (
        "data/rows.csv:1: the header names 'text' twice; rename one",
    )


@pytest.mark.parametrize("header", ["Label,TEXT", " label,text ", "LABEL,\uff54ext"])
def test_the_error_of_a_column_in_capitals_or_with_blanks_is_its_remedy(
    header: str, workshop: Workshop
) -> None:
    workshop.write("data/rows.csv", table(header))
    label, text = header.split(",")
    assert [line.partition("; ")[2] for line in workshop.refusal([ONE_TABLE])] == [
        f'declare `columns: {{{own}: "{name}"}}`'
        for own, name in (("text", text), ("label", label))
        if own != name
    ]
    workshop.prepare([{**ONE_TABLE, "columns": {"text": text, "label": label}}])


def test_keys_in_capitals_of_json_lines_are_named(workshop: Workshop) -> None:
    workshop.write(
        "data/rows.jsonl", jsonl({"Text": row["text"], "label": row["label"]} for row in messages(60))
    )
    assert (
        "missing (no 'text' in this row; declare `columns: {text: \"Text\"}`)"
        in workshop.refusal(ONE_FILE)[0]
    )


def test_the_first_line_of_excel_is_no_header(workshop: Workshop) -> None:
    workshop.write("data/rows.csv", "sep=;\n" + table("label,text").replace(",", ";"))
    workshop.prepare([{**ONE_TABLE, "delimiter": ";"}])
    assert workshop.metrics()["rows"]["kept"] == 60
    assert 'declare `delimiter: ";"`' in workshop.refusal([ONE_TABLE])[0]


# Rows without a label


def write_class_numbers(path: Path) -> None:
    """60 rows as public data sets have them: class numbers with names, and -1 for six without a label."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=["ant", "bee", "cat"])})
    rows = [{**row, "label": -1 if at % 10 == 0 else at % 3} for at, row in enumerate(messages(60))]
    path.parent.mkdir()
    Dataset.from_list(rows, features=features).to_parquet(path)


def test_class_numbers_without_a_name_are_refused_with_the_filter_that_leaves_them_out(
    workshop: Workshop,
) -> None:
    write_class_numbers(workshop.root / "data/rows.parquet")
    source: dict[str, Any] = {"kind": "parquet", "path": "data/rows.parquet"}
    (line,) = workshop.refusal([source])
    remedy = "type(label) == string"
    assert remedy in line
    source["transforms"] = [{"kind": "filter", "keep_if": remedy}]
    assert workshop.prepare([source]).label_names == ("ant", "bee", "cat")
    assert workshop.metrics()["rows"]["kept"] == 54


@pytest.mark.parametrize("name", ["nan", "NaN", "None", "N/A", "-", "unlabeled"])
def test_a_class_named_like_a_missing_label_is_advised(workshop: Workshop, name: str) -> None:
    rows = [{**row, "label": name} if at % 10 == 0 else row for at, row in enumerate(messages(120))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE)
    assert f"usually stands for no label: `{name}` (12 rows)" in workshop.report()


@pytest.mark.parametrize(("others", "advised"), [((0, 1), True), ((1, 2), False), (("a", "b"), False)])
def test_minus_one_is_advised_where_classes_count_from_zero(
    workshop: Workshop, others: tuple[int | str, ...], advised: bool
) -> None:
    none = -1 if isinstance(others[0], int) else "-1"
    rows = [{**row, "label": (none, *others)[at % 3]} for at, row in enumerate(messages(120))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE)
    assert ("stands for no label" in workshop.report()) == advised


# Labels that look alike


@pytest.mark.parametrize("other", ["1.0", "01", "+1", "1.000"])
def test_the_same_number_written_in_two_ways_is_refused(workshop: Workshop, other: str) -> None:
    rows = [{**row, "label": str(at % 3)} for at, row in enumerate(messages(60))]
    rows += [{**row, "label": other} for row in messages(9, 100)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    (line,) = workshop.refusal(ONE_FILE)
    assert f"{min(other, '1')!r}" in line
    assert "differ only in the way a number is written" in line


def test_different_numbers_are_different_labels(workshop: Workshop) -> None:
    names = ["1.0", "1.1", "1.10", "-1", "10", "v1"]
    rows = [{**row, "label": names[at % 6]} for at, row in enumerate(messages(240))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    assert set(workshop.prepare(ONE_FILE).label_names or ()) == set(names)


def test_labels_that_look_alike_are_refused_once_with_both_places(workshop: Workshop) -> None:
    rows = [*messages(60), *({**row, "label": "a\u200bnt"} for row in messages(9, 100))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    (line,) = workshop.refusal(ONE_FILE)
    assert line == (
        "data/rows.jsonl:61: label: 'a\\u200bnt' and 'ant' (data/rows.jsonl:1) differ only in invisible "
        "characters; use one of them (a transform of `kind: map` renames labels), or declare both in "
        "`task.label_names` if they are two classes"
    )


def test_declared_labels_may_look_alike_and_others_are_told_what_differs(workshop: Workshop) -> None:
    workshop.fields = text_fields(["ant", "Ant", "bee", "cat"])
    rows = [*messages(60), *({**row, "label": "Ant"} for row in messages(30, 100))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    assert workshop.prepare(ONE_FILE, min_rows_per_class={"test": 0}).label_names == (
        "ant",
        "Ant",
        "bee",
        "cat",
    )
    workshop.write("data/rows.jsonl", jsonl([*rows, {"text": "x", "label": "b\u00adee"}]))
    assert workshop.refusal(ONE_FILE)[0].startswith(
        "data/rows.jsonl:91: label: is not a declared label (given 'b\\xadee', which differs from the "
        "declared 'bee' only in invisible characters"
    )


# Groups


def grouped(large: object, rows: int = 180) -> list[dict[str, object]]:
    users = [large] * rows + [f"u{at}" for at in range(300 - rows)]
    return [{**row, "user": user} for row, user in zip(messages(300), users, strict=True)]


def test_a_group_too_large_for_the_fractions_is_reported(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(grouped("acme")))
    workshop.prepare(ONE_FILE, group="user")
    found = workshop.metrics()["by_hash"]
    rows = {name: split["rows"] for name, split in workshop.metrics()["splits"].items()}
    assert {name: round(300 * one["reached"]) for name, one in found["fractions"].items()} == rows
    assert found["groups"] == {"number": 121, "rows": 180, "share": 0.6, "first_row": "data/rows.jsonl:1"}
    assert (
        "The largest of 121 groups, that of data/rows.jsonl:1, has 180 of 300 rows (60%)" in workshop.report()
    )


@pytest.mark.parametrize("placeholder", ["unknown", "", None, 0])
def test_placeholders_of_groups_are_no_group_where_declared(placeholder: object, workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(grouped(placeholder)))
    if not placeholder and placeholder != 0:
        assert "declare `prepare.no_group:" in workshop.refusal(ONE_FILE, group="user")[0]
    no_group = ["" if placeholder is None else str(placeholder)]
    workshop.prepare(ONE_FILE, group="user", no_group=no_group)
    assert "received other shares" not in workshop.report()
    assert workshop.metrics()["by_hash"]["groups"]["rows"] == 1
    alone = Counter(row["text"] for split in workshop.all_rows().values() for row in split)
    assert len(alone) == 300


def test_fractions_that_chance_explains_are_not_reported(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(300)))
    workshop.prepare(ONE_FILE)
    assert "received other shares" not in workshop.report()
    assert "groups" not in workshop.metrics()["by_hash"]


# Instruction data


ALPACA = {"instruction": "Add.", "output": "3"}


def test_alpaca_rows_need_no_input(workshop: Workshop) -> None:
    rows = [{**ALPACA, "instruction": f"Add {at}."} for at in range(40)]
    workshop.write("data/rows.jsonl", jsonl([*rows, {**ALPACA, "instruction": "Add all.", "input": "1 2"}]))
    workshop.fields = ROW_FORMATS["alpaca"].schema(False)
    workshop.prepare(ONE_FILE, near_duplicates=None)
    found = [row for split in workshop.all_rows().values() for row in split]
    assert Counter(row["input"] for row in found) == {"": 40, "1 2": 1}


@pytest.mark.parametrize("others", ["refuse", "ignore"])
@pytest.mark.parametrize("column", ["system", "history"])
def test_columns_of_the_prompt_are_never_dropped_in_silence(
    workshop: Workshop, others: str, column: str
) -> None:
    given = {"system": "Answer in French.", "history": [["a", "b"]]}[column]
    rows = [{**ALPACA, "instruction": f"Add {at}.", column: given} for at in range(40)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    source = [{**ONE_FILE[0], "other_columns": others}]
    workshop.fields = ROW_FORMATS["alpaca"].schema(False)
    (line,) = workshop.refusal(source)
    assert f"'{column}': belongs to the prompt of the row" in line
    assert f"declare `task.prompt_columns: [{column}]`" in line
    assert "(and 39 more like it)" in line
    assert "ignore" not in line
    dropped = [{**source[0], "transforms": [{"kind": "drop", "columns": [column]}]}]
    workshop.prepare(dropped, near_duplicates=None)
    assert workshop.metrics()["rows"]["kept"] == 40


def test_declared_columns_of_the_prompt_are_kept_and_part_of_the_content(workshop: Workshop) -> None:
    rows: list[dict[str, object]] = [
        {**ALPACA, "instruction": f"Add {at}.", "system_prompt": "Be brief.", "history": [["a", "b"]]}
        for at in range(40)
    ]
    others = [{**ALPACA, "instruction": "Add 0."}, {**rows[1], "history": [["a", "c"]]}]
    workshop.write("data/rows.jsonl", jsonl([*rows, *others]))
    workshop.fields = with_prompt_columns(ROW_FORMATS["alpaca"].schema(False), ("system", "history"))
    source = [{**ONE_FILE[0], "columns": {"system": "system_prompt"}}]
    workshop.prepare(source, near_duplicates=None)
    found = [row for split in workshop.all_rows().values() for row in split]
    assert Counter(row["system"] for row in found) == {"Be brief.": 41, "": 1}
    assert Counter(str(row["history"]) for row in found) == {
        "[['a', 'b']]": 40,
        "[['a', 'c']]": 1,
        "[]": 1,
    }


def test_a_blank_column_of_the_prompt_may_be_ignored(workshop: Workshop) -> None:
    rows = [{**ALPACA, "instruction": f"Add {at}.", "system": "", "history": []} for at in range(40)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    source = [{**ONE_FILE[0], "other_columns": "ignore"}]
    workshop.fields = ROW_FORMATS["alpaca"].schema(False)
    workshop.prepare(source, near_duplicates=None)
    assert workshop.metrics()["rows"]["kept"] == 40


def test_conversations_may_have_another_column(workshop: Workshop) -> None:
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    rows = [{"conversations": [{**turns[0], "value": f"Hi {at}"}, turns[1]]} for at in range(40)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    source = [{**ONE_FILE[0], "columns": {"messages": "conversations"}}]
    workshop.fields = ROW_FORMATS["messages"].schema(False)
    workshop.prepare(source, near_duplicates=None)
    assert workshop.metrics()["rows"]["kept"] == 40
