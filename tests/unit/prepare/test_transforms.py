"""Declared changes to rows, alone and in the stage."""

import pytest
from pydantic import TypeAdapter, ValidationError

from teacherspec.prepare.split_assignment import rank_within
from teacherspec.prepare.transforms import compile_transform
from teacherspec.spec.prepare.transforms import Transform
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

SOURCE = {"kind": "jsonl", "path": "data/rows.jsonl"}


def changed(row: dict, transform: dict) -> dict | None:
    compiled = compile_transform(TypeAdapter(Transform).validate_python(transform))
    return row if compiled.apply(row) else None


@pytest.mark.parametrize(
    ("transform", "before", "after"),
    [
        ({"kind": "strip", "columns": ("text",)}, " a b \n", "a b"),
        ({"kind": "unicode", "columns": ("text",), "form": "NFC"}, "e\u0301", "\u00e9"),
        ({"kind": "unicode", "columns": ("text",), "form": "NFKC"}, "\ufb01n", "fin"),
        ({"kind": "remove_controls", "columns": ("text",)}, "a\x00\x1b\tb\n", "a\tb\n"),
        (
            {"kind": "unicode", "columns": ("text",), "form": "NFKC"},
            "\uff11\u00bd m\u00b2",
            "1\u00bd m\u00b2",
        ),
        (
            {"kind": "remove_controls", "columns": ("text",)},
            "one\x0ctwo\x0bthree\x1efour",
            "one\ntwo\nthree\nfour",
        ),
        ({"kind": "remove_controls", "columns": ("text",)}, "\x1b[31;1mred\x1b[0m", "red"),
        ({"kind": "drop", "columns": ("system",)}, "a", "a"),
        ({"kind": "strip", "columns": ("text", "more")}, 5, 5),
        ({"kind": "map", "column": "text", "values": {"1": "one"}}, 1, "one"),
        ({"kind": "map", "column": "text", "values": {"1": "one"}, "others": "keep"}, 2, 2),
    ],
)
def test_values_change_as_declared(transform: dict, before: object, after: object) -> None:
    assert changed({"text": before}, transform) == {"text": after}


@pytest.mark.parametrize(
    ("keep_if", "kept"),
    [
        ("stars >= 3", True),
        ("stars >= 3 && lang == 'de'", False),
        ("size(text) > 3 || lang in ['en', 'fr']", True),
        ("text.matches('^h.*o$')", True),
        ("!has(meta.source)", True),
    ],
)
def test_filters_answer_for_each_row(keep_if: str, kept: bool) -> None:
    row = {"text": "hello", "stars": 4, "lang": "en", "meta": {}}
    assert (changed(row, {"kind": "filter", "keep_if": keep_if}) is not None) == kept


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"kind": "filter", "keep_if": "stars >"}, "Syntax error"),
        ({"kind": "filter", "keep_if": ""}, "at least 1 character"),
        ({"kind": "python", "code": "1"}, "does not match any of the expected tags"),
        ({"kind": "map", "column": "label", "values": {}}, "at least 1 item"),
        ({"kind": "unicode", "columns": ("text",), "form": "NFX"}, "NFC"),
    ],
)
def test_what_is_no_transform_is_refused(transform: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Transform).validate_python(transform)


def test_transforms_run_in_order_before_the_check(workshop: Workshop) -> None:
    rows = [{"text": f"  {row['text']} \u001b", "lang": "en"} for row in messages(60)]
    workshop.write("data/ant.jsonl", jsonl([*rows[::2], {"text": "Ameise", "lang": "de"}]))
    workshop.write("data/bee.jsonl", jsonl(rows[1::2]))
    clean = [
        {"kind": "filter", "keep_if": "lang == 'en'"},
        {"kind": "remove_controls", "columns": ["text"]},
        {"kind": "strip", "columns": ["text"]},
    ]
    sources = [
        {
            "kind": "jsonl",
            "path": f"data/{name}.jsonl",
            "transforms": [*clean, {"kind": "constant", "column": "label", "value": name}],
        }
        for name in ("ant", "bee")
    ]
    prepared = workshop.prepare(sources)
    assert prepared.label_names == ("ant", "bee")
    texts = {row["text"] for part in workshop.all_rows().values() for row in part}
    assert texts == {row["text"] for row in messages(60)}
    assert workshop.metrics()["rows"]["left_out"] == 1


def test_a_filter_may_use_columns_that_are_not_kept(workshop: Workshop) -> None:
    lines = "".join(f"{row['text']},{row['label']},{at % 2}\n" for at, row in enumerate(messages(60)))
    workshop.write("data/rows.csv", "text,label,verified\n" + lines)
    workshop.prepare(
        [
            {
                "kind": "csv",
                "path": "data/rows.csv",
                "transforms": [{"kind": "filter", "keep_if": "verified == '1'"}],
            }
        ]
    )
    assert workshop.metrics()["rows"]["kept"] == 30


def test_labels_are_mapped(workshop: Workshop) -> None:
    names = {"ant": "insect", "bee": "insect", "cat": "mammal"}
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    transform = {"kind": "map", "column": "label", "values": names}
    assert workshop.prepare([{**SOURCE, "transforms": [transform]}]).label_names == ("insect", "mammal")


def test_a_share_takes_the_same_rows_whatever_else_there_is(workshop: Workshop) -> None:
    def texts() -> set[str]:
        return {row["text"] for part in workshop.all_rows().values() for row in part}

    workshop.write("data/rows.jsonl", jsonl(messages(400)))
    workshop.prepare([{**SOURCE, "share": 0.5}])
    half = texts()
    assert 150 < len(half) < 250
    assert workshop.metrics()["rows"]["unsampled"] == 400 - len(half)
    workshop.write("data/rows.jsonl", jsonl(messages(300)[::-1]))
    workshop.prepare([{**SOURCE, "share": 0.5}])
    assert texts() == half & {row["text"] for row in messages(300)}
    workshop.prepare([{**SOURCE, "share": 0.25}])
    assert texts() < half


def counts_by_source(workshop: Workshop, *weights: float | None) -> list[int]:
    names = ("few", "many", "more")
    sources = [
        {"kind": "jsonl", "path": f"data/{name}.jsonl", **({"weight": weight} if weight else {})}
        for name, weight in zip(names, weights, strict=True)
    ]
    workshop.prepare(sources, keep_columns=["from"], near_duplicates=None)
    found = [row["from"] for part in workshop.all_rows().values() for row in part]
    return [found.count(name) for name in names]


def test_sources_are_mixed_by_weight(workshop: Workshop) -> None:
    for name, number, start in (("few", 200, 0), ("many", 2000, 10_000), ("more", 600, 50_000)):
        rows = [{**row, "from": name} for row in messages(number, start=start)]
        workshop.write(f"data/{name}.jsonl", jsonl(rows))
    few, many, more = counts_by_source(workshop, 1, 3, None)
    assert (few, more) == (200, 600)
    assert abs(many - 600) < 4 * 600**0.5
    few, many, more = counts_by_source(workshop, 1, 1, 12)  # here `more` is the scarcest for its weight
    assert more == 600
    assert abs(few - 50) < 4 * 50**0.5
    assert abs(many - 50) < 4 * 50**0.5
    assert workshop.metrics()["rows"]["unsampled"] == 2800 - few - many - more


def test_at_most_so_many_rows_of_each_class(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(400)))
    workshop.prepare([{**SOURCE, "rows_per_class": 40}])
    counts = workshop.metrics()["classes"]
    assert {label: sum(splits.values()) for label, splits in counts.items()} == {
        "ant": 40,
        "bee": 40,
        "cat": 40,
    }


def test_ranks_within_kinds() -> None:
    import numpy as np

    kinds, places = np.array([1, 0, 1, 1, 0], np.int32), np.array([0.3, 0.9, 0.1, 0.2, 0.5])
    assert rank_within(kinds, places).tolist() == [2, 1, 0, 1, 0]


def test_a_filter_selects_the_rows_of_a_further_set(workshop: Workshop) -> None:
    rows = [
        {**row, "id": f"m{at}", "channel": ("web", "phone")[at % 4 == 3]}
        for at, row in enumerate(messages(80))
    ]
    workshop.write("data/rows.jsonl", jsonl(rows))
    sources = [
        {**SOURCE, "transforms": [{"kind": "filter", "keep_if": "channel != 'phone'"}]},
        {
            **SOURCE,
            "transforms": [{"kind": "filter", "keep_if": "channel == 'phone'"}],
            "split": "phone",
            "role": "shifted",
        },
    ]
    prepared = workshop.prepare(sources, keep_columns=["channel"], near_duplicates=None)
    assert prepared.splits["phone"].rows == 20
    for name, part in workshop.all_rows().items():
        assert {row["channel"] == "phone" for row in part} == {name == "phone"}
