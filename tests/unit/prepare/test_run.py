"""The stage as a whole, on small files."""

import json
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from teacherspec.prepare.report.report import ROWS, describe_rows
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.splits import load_prepared
from tests.unit.prepare.toy_data import Workshop, jsonl, messages, text_fields

ONE_FILE = [{"kind": "jsonl", "path": "data/rows.jsonl"}]
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def split_of_text(workshop: Workshop) -> dict[str, str]:
    return {row["text"]: split for split, rows in workshop.all_rows().items() for row in rows}


def test_rows_arrive_with_id_text_and_label(workshop: Workshop) -> None:
    rows = messages(120)
    workshop.write("data/rows.jsonl", jsonl(rows))
    prepared = workshop.prepare(ONE_FILE)
    assert prepared.label_names == ("ant", "bee", "cat")
    assert set(prepared.splits) == {"train", "validation", "calibration", "test"}
    stored = [row for part in workshop.all_rows().values() for row in part]
    assert {(row["text"], prepared.label_names[row["label"]]) for row in stored} == {
        (row["text"], row["label"]) for row in rows
    }
    assert len({row["id"] for row in stored}) == 120
    assert all(list(row) == ["id", "text", "label"] for row in stored)


def test_the_index_names_every_file_by_its_hash(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    prepared = workshop.prepare(ONE_FILE)
    assert load_prepared(workshop.out) == prepared
    for split in prepared.splits.values():
        assert split.sha256 == sha256_file(split.path)
        assert split.rows == len(workshop.rows(split.name))


@FEW
@given(st.randoms(use_true_random=False), st.integers(0, 59))
def test_order_of_rows_and_files_changes_no_byte(
    workshop: Workshop, shuffler: random.Random, cut: int
) -> None:
    rows = [*messages(60), *messages(9)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    before = workshop.prepare(ONE_FILE)
    shuffler.shuffle(rows)
    workshop.write("data/one.jsonl", jsonl([rows[0], *rows[:cut]]))
    workshop.write("data/two.jsonl", jsonl(rows[cut:]))
    sources = [{"kind": "jsonl", "path": f"data/{name}.jsonl"} for name in ("two", "one")]
    after = workshop.prepare(sources)
    assert after == before


@FEW
@given(st.sets(st.integers(0, 59), max_size=20), st.integers(0, 40))
def test_rows_added_or_taken_away_move_no_other_row(workshop: Workshop, gone: set[int], more: int) -> None:
    rows = messages(60)
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE)
    before = split_of_text(workshop)
    changed = [row for at, row in enumerate(rows) if at not in gone] + messages(more, start=1000)
    workshop.write("data/rows.jsonl", jsonl(changed))
    workshop.prepare(ONE_FILE)
    after = split_of_text(workshop)
    assert all(after[text] == split for text, split in before.items() if text in after)


@pytest.mark.parametrize("other", ["Message  NUMBER 1 about b", "\tmessage number 1 about b\n"])
def test_case_and_space_do_not_make_another_example(workshop: Workshop, other: str) -> None:
    workshop.write("data/rows.jsonl", jsonl([*messages(60), {"text": other, "label": "bee"}]))
    workshop.prepare(ONE_FILE)
    assert workshop.metrics()["rows"]["duplicates"] == 1
    assert workshop.metrics()["rows"]["kept"] == 60


def test_composed_and_decomposed_letters_are_the_same_example(workshop: Workshop) -> None:
    texts = ["caf\u00e9 ouvert", "cafe\u0301 ouvert", "CAFE\u0301  OUVERT"]
    workshop.write("data/rows.jsonl", jsonl([*messages(60), *({"text": t, "label": "ant"} for t in texts)]))
    workshop.prepare(ONE_FILE)
    assert workshop.metrics()["rows"]["duplicates"] == 2


def test_a_ready_made_test_split_stays_whole_and_train_loses_the_leak(workshop: Workshop) -> None:
    test = messages(12)
    leak = {"text": test[3]["text"].upper(), "label": "cat"}
    workshop.write("data/rows.jsonl", jsonl([*messages(60, start=100), leak]))
    workshop.write("data/test.jsonl", jsonl(test))
    fractions = {"train": 0.6, "validation": 0.2, "calibration": 0.2, "test": 0.0}
    workshop.prepare(
        [*ONE_FILE, {"kind": "jsonl", "path": "data/test.jsonl", "split": "test"}], fractions=fractions
    )
    assert {row["text"] for row in workshop.rows("test")} == {row["text"] for row in test}
    counted = workshop.metrics()["rows"]
    assert (counted["leaks"], counted["leaks_with_another_label"]) == (1, 1)
    assert "data/rows.jsonl:61: in " in workshop.report()
    assert "data/test.jsonl:4 (test), labelled 'cat' here and 'ant' there" in workshop.report()


def test_shifted_and_out_of_scope_sets_are_kept_apart(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.write("data/shifted.jsonl", jsonl(messages(6, start=500)))
    workshop.write(
        "data/ood.jsonl", jsonl([{"text": "who are you", "label": "nobody knows"}, {"text": "hm?"}])
    )
    prepared = workshop.prepare(
        [
            *ONE_FILE,
            {"kind": "jsonl", "path": "data/shifted.jsonl", "split": "spoken", "role": "shifted"},
            {"kind": "jsonl", "path": "data/ood.jsonl", "split": "out_of_scope", "role": "ood"},
        ]
    )
    assert {split.name: split.role for split in prepared.of_role("shifted", "ood")} == {
        "spoken": "shifted",
        "out_of_scope": "ood",
    }
    assert prepared.label_names == ("ant", "bee", "cat")
    assert [row["label"] for row in workshop.rows("out_of_scope")] == [-1, -1]
    assert len(workshop.rows("spoken")) == 6


def test_given_ids_and_kept_columns_travel_with_the_row(workshop: Workshop) -> None:
    rows = [{**row, "key": f"m-{at}", "from": "web", "stars": at / 2} for at, row in enumerate(messages(60))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    source = {**ONE_FILE[0], "columns": {"id": "key", "channel": "from"}}
    workshop.prepare([source], keep_columns=["channel", "stars"])
    stored = {row["id"]: row for part in workshop.all_rows().values() for row in part}
    assert stored.keys() == {row["key"] for row in rows}
    assert list(stored["m-7"]) == ["id", "text", "label", "channel", "stars"]
    assert (stored["m-7"]["channel"], stored["m-7"]["stars"]) == ("web", 3.5)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        (int, [*map(str, range(11))]),
        (str, [*map(str, range(11))]),
        (lambda at: str(at - 5), [*map(str, range(-5, 6))]),
        (lambda at: f"{at:03d}", [f"{at:03d}" for at in range(11)]),
        (lambda at: str(at) if at else "other", ["1", "10", *map(str, range(2, 10)), "other"]),
        (lambda at: f"{at}.5", ["0.5", "1.5", "10.5", *(f"{at}.5" for at in range(2, 10))]),
    ],
)
def test_whole_numbers_are_sorted_as_numbers_and_all_else_as_text(
    workshop: Workshop, label: Callable[[int], int | str], names: list[str]
) -> None:
    rows = [{"text": f"text {at}", "label": label(at % 11)} for at in range(220)]
    workshop.write("data/rows.jsonl", jsonl(rows))
    assert workshop.prepare(ONE_FILE).label_names == tuple(names)


def test_declared_label_names_keep_their_order(workshop: Workshop) -> None:
    workshop.fields = text_fields(("cat", "bee", "ant"))
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    assert workshop.prepare(ONE_FILE).label_names == ("cat", "bee", "ant")
    assert {row["label"] for row in workshop.rows("train") if row["text"].endswith("about a")} == {2}


def test_csv_keeps_text_as_text(workshop: Workshop) -> None:
    lines = ['"NA, with\r\na line break",01', "null,02", "None,01", '"say ""hi""",02', "007,01"]
    filler = [f"filler {at},0{at % 2 + 1}" for at in range(40)]
    content = "\r\n".join(["text,label", *lines, *filler]) + "\r\n"
    workshop.write("data/rows.csv", b"\xef\xbb\xbf" + content.encode())
    prepared = workshop.prepare([{"kind": "csv", "path": "data/rows.csv"}])
    assert prepared.label_names == ("01", "02")
    texts = {row["text"] for part in workshop.all_rows().values() for row in part}
    assert {"NA, with\r\na line break", "null", "None", 'say "hi"', "007"} <= texts


def test_tab_separated_without_quotes(workshop: Workshop) -> None:
    rows = [f'say "{at}\t{"ab"[at % 2]}' for at in range(40)]
    workshop.write("data/rows.tsv", "\n".join(["text\tlabel", *rows]))
    workshop.prepare([{"kind": "csv", "path": "data/rows.tsv", "delimiter": "\t", "quoted": False}])
    assert workshop.metrics()["rows"]["kept"] == 40


def test_conflicting_labels_are_dropped_where_declared(workshop: Workshop) -> None:
    disagreeing = [{"text": "Torn between", "label": label} for label in ("ant", "bee", "bee")]
    workshop.write("data/rows.jsonl", jsonl([*messages(60), *disagreeing]))
    assert len(workshop.refusal(ONE_FILE)) == 2
    workshop.prepare(ONE_FILE, conflicts="drop")
    counted = workshop.metrics()["rows"]
    assert (counted["conflicts"], counted["duplicates"], counted["kept"]) == (2, 1, 60)


def test_a_refusal_leaves_the_earlier_splits_untouched(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.prepare(ONE_FILE)
    workshop.write("data/rows.jsonl", jsonl(messages(60)) + "{broken\n")
    assert workshop.refusal(ONE_FILE) == (
        "data/rows.jsonl:61:2: broken JSON: Expecting property name enclosed in double quotes",
    )
    assert load_prepared(workshop.out).splits["train"].rows > 0


def test_all_problems_of_all_files_come_at_once_but_not_thousands(workshop: Workshop) -> None:
    workshop.write("data/one.jsonl", jsonl({"text": "", "label": "ant"} for _ in range(30)))
    workshop.write("data/two.jsonl", "[]\n")
    sources = [{"kind": "jsonl", "path": f"data/{name}.jsonl"} for name in ("one", "two", "three")]
    problems = workshop.refusal(sources)
    assert problems == (
        "data/one.jsonl:1: text: is blank (given ''); give a text or take the row out (and 29 more like it)",
        "data/two.jsonl:1: must be a JSON object (given [])",
        "data/three.jsonl: not found; did you mean two.jsonl or one.jsonl?",
    )
    workshop.write("data/one.jsonl", jsonl({"text": at, "label": "ant"} for at in range(30)))
    problems = workshop.refusal(sources)
    assert len(problems) == 21
    assert problems[-1] == "… and 12 more problems"


def test_a_wildcard_reads_files_by_name(workshop: Workshop) -> None:
    for part in range(3):
        workshop.write(f"data/part-{part}.jsonl", jsonl(messages(30, start=30 * part)))
    workshop.prepare([{"kind": "jsonl", "path": "data/part-*.jsonl"}])
    assert workshop.metrics()["rows"]["kept"] == 90


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fractions": {"train": 0.5, "validation": 0.2, "calibration": 0.2, "test": 0.2}}, "add up to 1.1"),
        (
            {"fractions": {"train": 0.8, "validation": 0.1, "calibration": 0.1, "test": 0.0}},
            "no rows would reach test",
        ),
        ({"fractions": None}, "declare `fractions`"),
        ({"keep_columns": ["id"]}, "always kept"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(workshop: Workshop, given: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        workshop.section(ONE_FILE, **given)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"split": "spoken"}, "needs a role"),
        ({"split": "test", "role": "ood"}, "has no role"),
        ({"path": "../rows.jsonl"}, "is outside `data: data`"),
        ({"path": "/etc/passwd"}, "relative to the repository"),
        ({"path": "~/rows.jsonl"}, "relative to the repository"),
        ({"path": "$HOME/rows.jsonl"}, "plain path"),
        ({"path": "s3://bucket/rows.jsonl"}, "relative to the repository"),
        ({"path": None}, "either `path` or `url`"),
        ({"url": "https://example.org/rows.jsonl"}, "either `path` or `url`"),
        ({"path": None, "url": "https://example.org/rows.jsonl"}, "belong together"),
        ({"path": None, "url": "file:///etc/passwd", "sha256": "0" * 64}, "a file of this machine"),
        ({"path": None, "url": "/etc/passwd", "sha256": "0" * 64}, "one address with a scheme"),
        (
            {"path": None, "url": "gopher://x/rows", "sha256": "0" * 64},
            "gopher:// is not supported; allowed: https",
        ),
        (
            {"path": None, "url": "https://me:word@x/rows", "sha256": "0" * 64},
            "contains a user name or password",
        ),
        ({"path": None, "url": "https://x/rows", "sha256": "main"}, "sha256"),
        ({"weight": 2, "share": 0.5}, "declare one of them"),
        ({"encoding": "klingon"}, "not a text encoding that Python knows"),
        ({"kind": "csv", "delimiter": "'", "quote": "'"}, "must be different characters"),
        ({"kind": "hub", "path": None, "dataset": "a/b", "revision": "main"}, "revision"),
    ],
)
def test_a_source_that_cannot_work_is_refused(workshop: Workshop, source: dict, message: str) -> None:
    declared = {key: value for key, value in {**ONE_FILE[0], **source}.items() if value is not None}
    with pytest.raises(ValidationError, match=message):
        workshop.section([declared])


def test_the_report_states_amount_and_balance(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(300)))
    workshop.prepare(ONE_FILE)
    assert "Regularise more: raise `finetune.dropout`" in workshop.report()
    assert "Classes are balanced" in workshop.report()
    metrics = workshop.metrics()
    assert metrics["splits"]["train"]["balance"] > 0.99
    tsv = (workshop.reports / "classes.tsv").read_text().splitlines()
    assert tsv[0] == "label\tsplit\trows"
    assert f"ant\ttrain\t{metrics['classes']['ant']['train']}" in tsv
    assert json.dumps(metrics).count("NaN") == 0


@pytest.mark.parametrize(
    ("rare", "meant"),
    [("beee", "bee"), ("Bees", "bee"), ("kind_12", None), ("wasp", None), ("ant", None)],
)
def test_a_label_written_like_a_common_one_is_advised(
    workshop: Workshop, rare: str, meant: str | None
) -> None:
    rows = [{**row, "label": row["label"].replace("cat", "kind_10")} for row in messages(300)]
    rows += [{"text": letter * 20, "label": rare} for letter in "abcdefgh"]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE)
    advice = f"`{rare}` (8 rows) for `{meant}` (100)"
    assert (advice in workshop.report()) == ("may be misspelt" in workshop.report()) == (meant is not None)


def test_conflicts_and_rare_labels_are_reported_at_once(workshop: Workshop) -> None:
    disagreeing = [{"text": "disagreeing", "label": label} for label in ("bee", "cat")]
    rare = [{"text": "one of a kind", "label": "beee"}]
    workshop.write("data/rows.jsonl", jsonl([*messages(60), *disagreeing, *rare]))
    problems = workshop.refusal(ONE_FILE, min_rows_per_class={"train": 2, "test": 0})
    assert [problem.partition(": ")[0] for problem in problems] == [
        "data/rows.jsonl:61",
        "data/rows.jsonl:62",
        "label",
    ]
    assert "the first at data/rows.jsonl:63" in problems[2]


def test_the_terminal_accounts_for_every_removed_row(workshop: Workshop) -> None:
    policies = workshop.section(ONE_FILE).policies()
    counted = {"read": 1_250, "leaks": 50, "near_duplicates": 2, "kept": 1_200}
    assert describe_rows({**dict.fromkeys(ROWS, 0), **counted}, policies) == [
        "    1,250 rows read",
        "       50 content also in a split nearer to the report: removed",
        "        2 near duplicate in the same split: kept",
        "    1,200 rows kept",
    ]


def test_broken_rows_are_set_aside_counted_and_shown(workshop: Workshop) -> None:
    broken = ['{"text": "cut', '{"text": "", "label": "ant"}', "\udcff"]
    content = jsonl(messages(300)) + "\n".join(broken)
    workshop.write("data/rows.jsonl", content.encode("utf-8", "surrogateescape"))
    assert len(workshop.refusal(ONE_FILE)) == 3
    workshop.prepare(ONE_FILE, on_error="quarantine")
    aside = [json.loads(line) for line in (workshop.out / "quarantine.jsonl").read_text().splitlines()]
    assert [row["where"] for row in aside] == [f"data/rows.jsonl:{at}" for at in ("301:10", "302", "303:1")]
    assert aside[1]["given"] == {"text": "", "label": "ant"}
    counted = workshop.metrics()["rows"]
    assert (counted["read"], counted["quarantined"], counted["kept"]) == (303, 3, 300)
    assert "data/rows.jsonl:302: text: is blank" in workshop.report()


def test_too_many_broken_rows_are_refused_all_the_same(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(99)) + "5\n5\n")
    problems = workshop.refusal(ONE_FILE, on_error="quarantine")
    assert problems[0] == "prepare.max_quarantined: 2 rows are invalid (allowed: 1)"
    assert problems[1].startswith("data/rows.jsonl:100: must be a JSON object")


def test_a_quarantine_without_rows_is_an_empty_file(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.prepare(ONE_FILE, on_error="quarantine")
    assert (workshop.out / "quarantine.jsonl").read_text() == ""


def chatter(number: int, start: int = 0) -> list[dict[str, str]]:
    """Texts so different from each other that none is nearly another."""
    draw = np.random.default_rng(start)
    words = ["".join(draw.choice(list("abcdefghij"), 6)) for _ in range(500)]
    texts = [" ".join(draw.choice(words, 7, replace=False)) for _ in range(number)]
    return [{"text": text, "label": ("ant", "bee")[at % 2]} for at, text in enumerate(texts)]


def test_nearly_the_same_text_in_two_splits_stays_in_test_only(workshop: Workshop) -> None:
    rows = chatter(200)
    near = [{**row, "text": row["text"] + "s"} for row in rows[:5]]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.write("data/test.jsonl", jsonl([*near, *chatter(20, start=9)]))
    sources = [*ONE_FILE, {"kind": "jsonl", "path": "data/test.jsonl", "split": "test"}]
    shares = {"train": 0.6, "validation": 0.2, "calibration": 0.2, "test": 0.0}
    workshop.prepare(sources, fractions=shares)
    assert workshop.metrics()["rows"]["near_leaks"] == 5
    assert not {row["text"] for row in rows[:5]} & split_of_text(workshop).keys()
    assert {row["text"] for row in near} <= {row["text"] for row in workshop.rows("test")}
    assert "### Near duplicates in another split" in workshop.report()
    kept = workshop.metrics()["rows"]["kept"]
    refused = workshop.refusal(sources, fractions=shares, near_duplicates={"across_splits": "refuse"})
    assert len(refused) == 5
    assert refused[0].endswith("or declare `prepare.near_duplicates.across_splits: drop`")
    workshop.prepare(sources, fractions=shares, near_duplicates=None)
    assert workshop.metrics()["rows"]["kept"] == kept + 5


def test_nearly_the_same_texts_in_one_split_are_counted_or_dropped(workshop: Workshop) -> None:
    rows = chatter(200)
    near = [{**row, "text": row["text"] + "!"} for row in rows[:8]]
    disagreeing = [{"text": rows[8]["text"] + "!", "label": {"ant": "bee", "bee": "ant"}[rows[8]["label"]]}]
    workshop.write("data/train.jsonl", jsonl([*rows, *near, *disagreeing]))
    workshop.write("data/rows.jsonl", jsonl(chatter(60, start=9)))
    shares = {"train": 0.0, "validation": 0.4, "calibration": 0.3, "test": 0.3}
    sources = [{"kind": "jsonl", "path": "data/train.jsonl", "split": "train"}, *ONE_FILE]
    workshop.prepare(sources, fractions=shares)
    counted = workshop.metrics()["rows"]
    assert (counted["near_duplicates"], counted["near_disagreeing"]) == (8, 2)
    assert len(workshop.rows("train")) == 209
    workshop.prepare(sources, fractions=shares, near_duplicates={"within_split": "drop"})
    assert len(workshop.rows("train")) == 201


def test_a_group_lies_in_one_split(workshop: Workshop) -> None:
    rows = [{**row, "user": f"user {at % 20}"} for at, row in enumerate(messages(400))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE, group="user", keep_columns=["user"])
    users = [{row["user"] for row in part} for part in workshop.all_rows().values()]
    assert sum(map(len, users)) == 20


def test_a_group_in_two_ready_made_splits_is_a_leak(workshop: Workshop) -> None:
    rows = [{**row, "user": at % 20} for at, row in enumerate(messages(400))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.write("data/test.jsonl", jsonl({**row, "user": 7} for row in messages(6, start=900)))
    sources = [*ONE_FILE, {"kind": "jsonl", "path": "data/test.jsonl", "split": "test"}]
    fractions = {"train": 0.6, "validation": 0.2, "calibration": 0.2, "test": 0.0}
    workshop.prepare(sources, group="user", fractions=fractions)
    assert workshop.metrics()["rows"]["group_leaks"] == 20
    assert workshop.metrics()["rows"]["kept"] == 386


def test_a_row_without_its_group_is_refused(workshop: Workshop) -> None:
    workshop.write(
        "data/rows.jsonl", jsonl([*({**row, "user": "u"} for row in messages(60)), messages(61)[-1]])
    )
    assert workshop.refusal(ONE_FILE, group="user") == (
        "data/rows.jsonl:61: group: missing (no 'user' in this row)",
    )


def test_an_external_benchmark_is_kept_out_of_what_is_fitted_and_never_stored(workshop: Workshop) -> None:
    rows = chatter(300)
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE)
    before = split_of_text(workshop)
    benchmark = [{"text": row["text"].upper(), "id": "not ours"} for row in rows[:50]]
    workshop.write("data/benchmark.jsonl", jsonl(benchmark))
    source = {"kind": "jsonl", "path": "data/benchmark.jsonl", "split": "public", "role": "external"}
    prepared = workshop.prepare([*ONE_FILE, source], keep_columns=[])
    after = split_of_text(workshop)
    assert "public" not in prepared.splits
    fitted = [row["text"] for row in rows[:50] if before[row["text"]] != "test"]
    assert before.keys() - after.keys() == set(fitted)
    assert workshop.metrics()["rows"]["leaks"] == len(fitted)
    assert "(public)" in workshop.report()


def test_folds_are_even_stable_and_keep_groups_whole(workshop: Workshop) -> None:
    rows = [{**row, "user": f"user {at % 50}"} for at, row in enumerate(messages(600))]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare(ONE_FILE, folds=5, keep_columns=["user"])
    before = {row["text"]: row["fold"] for row in workshop.rows("train")}
    sizes = [list(before.values()).count(fold) for fold in range(5)]
    assert min(sizes) > 20
    assert "fold" not in workshop.rows("test")[0]
    workshop.write("data/rows.jsonl", jsonl(rows[300:]))
    workshop.prepare(ONE_FILE, folds=5, keep_columns=["user"])
    assert all(before[row["text"]] == row["fold"] for row in workshop.rows("train"))
    workshop.prepare(ONE_FILE, folds=5, group="user", keep_columns=["user"])
    homes = {(row["user"], row["fold"]) for row in workshop.rows("train")}
    assert len(homes) == len({user for user, _ in homes})
