"""Ratings are read strictly, and everything that is wrong with them is reported at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacherspec.errors import DataError
from teacherspec.ratings.load_ratings import Rating, load_ratings
from teacherspec.ratings.sheet_key import load_keys
from tests.unit.ratings.toy_ratings import Sheet, answered, make_sheet, write_reviews

SHEET = make_sheet(answered(6))
HEAD = "sheet,item,rater,preference,left_rating,right_rating,comment"


def read(folder: Path) -> list[Rating]:
    return load_ratings(folder, load_keys(folder))


def refused(folder: Path) -> list[str]:
    with pytest.raises(DataError) as error:
        read(folder)
    return [problem.removeprefix(f"{folder}/") for problem in error.value.problems]


def cells(number: int, *rest: str) -> str:
    return ",".join([SHEET.name, SHEET.key.items[number].item, *rest]) + "\n"


raters = st.text(min_size=1, max_size=64).filter(lambda name: name.strip() == name)
lines = st.fixed_dictionaries(
    {
        "rater": raters,
        "preference": st.sampled_from(["left", "right", "tie", "skip"]),
        "left_rating": st.none() | st.integers(1, 5),
        "right_rating": st.none() | st.integers(1, 5),
        "comment": st.text(st.characters(exclude_categories=("Cs",))),
        "at": st.just("2026-11-23T08:00:00Z"),
    }
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), lines), unique_by=lambda pair: pair[0]))
def test_what_the_page_saves_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, given_lines: list[tuple[int, dict[str, Any]]]
) -> None:
    written = [
        {"sheet": SHEET.name, "item": SHEET.key.items[number].item, **line} for number, line in given_lines
    ]
    folder = write_reviews(tmp_path_factory.mktemp("reviews"), SHEET, ana=written)
    found = read(folder)
    assert [rating.line.model_dump(mode="json") for rating in found] == written
    assert [rating.where for rating in found] == [f"{folder}/ana.jsonl:{n + 1}" for n in range(len(written))]


def test_every_mistake_of_every_file_is_said_at_once(tmp_path: Path) -> None:
    good = SHEET.line(0, "teacher")
    strange = [
        {**good, "preference": "better"},
        {**good, "left_rating": 6, "right_rating": "4"},
        {**good, "item": "p000"},
        {**good, "sheet": "s000"},
        {**good, "vote": 1},
        {key: value for key, value in good.items() if key != "item"},
        {**good, "at": "yesterday"},
    ]
    write_reviews(tmp_path, SHEET, a=strange, b=[good])
    (tmp_path / "c.jsonl").write_text('{"sheet": \n\n[1]\n')
    (tmp_path / "d.csv").write_text(f"{HEAD}\n" + cells(1, "bo", "left", "9", "", "") + cells(2, "bo"))
    (tmp_path / "e.csv").write_text("sheet,item\n")
    (tmp_path / "f.jsonl").write_bytes(b"{}\n\xff\n")
    (tmp_path / "g.xlsx").write_bytes(b"PK")
    (tmp_path / "h.csv").write_text(f'{HEAD}\n"open')
    found = refused(tmp_path)
    expected = [
        ("a.jsonl:1: preference: Input should be 'left', 'right', 'tie' or 'skip' (given 'better')"),
        ("a.jsonl:2: left_rating: Input should be less than or equal to 5 (given 6)"),
        ("a.jsonl:2: right_rating: Input should be a valid integer (given '4')"),
        ("a.jsonl:5: vote: Extra inputs are not permitted (given 1)"),
        ("a.jsonl:6: item: Field required"),
        ("a.jsonl:7: at: String should match pattern"),
        ("c.jsonl:1: Invalid JSON"),
        ("c.jsonl:3: Input should be an object (given [1])"),
        ("d.csv:2: left_rating: Input should be less than or equal to 5 (given 9)"),
        ("d.csv:3: has 3 cells, the header 7; quote cells with delimiters"),
        ("e.csv:1: has no column preference (given sheet, item)"),
        ("f.jsonl:2: byte 0xff is not UTF-8; save the file as UTF-8 (CSV UTF-8)"),
        ("g.xlsx: is neither .jsonl nor .csv"),
        ("h.csv:2: broken CSV"),
        (f"a.jsonl:3: item: sheet {SHEET.name} has no pair 'p000'"),
        (f"a.jsonl:4: sheet: 's000' has no key here (keys of: {SHEET.name})"),
    ]
    assert len(found) == len(expected), "\n".join(found)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), (line, start)


def test_a_sheet_filled_in_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """Byte order mark, semicolons, 4.0, capitals, cells over several lines, rows left empty."""
    write_reviews(tmp_path, SHEET)
    head = "sheet;item;rater;prompt;left;right;preference;left_rating;right_rating;comment\r\n"
    one, two, three = (f"{SHEET.name};{SHEET.key.items[n].item};" for n in range(3))
    text = f'{head}{one}bo;"two\r\nlines";a;b;Left;4.0;2;"good; really"\r\n{two};p;a;b;;;;\r\n;;;;;;;;;\r\n'
    text += f"{three};p;a;b; TIE ;;;\r\n"
    (tmp_path / "bo.csv").write_bytes(text.encode("utf-8-sig"))
    first, last = read(tmp_path)
    assert (first.rater, first.values, first.line.comment) == ("bo", ("left", 4, 2), "good; really")
    assert (last.rater, last.values, last.where) == ("bo", ("tie", None, None), f"{tmp_path}/bo.csv:6")


def test_a_file_saved_twice_counts_once_and_the_later_rating_wins(tmp_path: Path) -> None:
    early = SHEET.line(0, "left", left_rating=1, right_rating=1, at="2026-01-01T00:00:00Z")
    late = SHEET.line(0, "right", left_rating=1, right_rating=2, at="2026-01-02T00:00:00Z")
    other = SHEET.line(1, "tie")
    write_reviews(tmp_path, SHEET, a=[late, other], b=[early, other], c=[{**early, "rater": "bo"}])
    found = read(tmp_path)
    assert [(rating.rater, rating.line.preference) for rating in found] == [
        ("ana", "right"),
        ("ana", "tie"),
        ("bo", "left"),
    ]


def test_a_rating_taken_back_later_does_not_count(tmp_path: Path) -> None:
    early = SHEET.line(0, "left", left_rating=1, at="2026-01-01T00:00:00Z")
    late = {**early, "preference": None, "at": "2026-01-02T00:00:00Z"}
    assert read(write_reviews(tmp_path, SHEET, a=[early], b=[late])) == []


def test_contradictions_without_a_time_are_refused(tmp_path: Path) -> None:
    write_reviews(tmp_path, SHEET, a=[SHEET.line(0, "left")], b=[SHEET.line(0, "right")])
    (problem,) = refused(tmp_path)
    assert problem.startswith("b.jsonl:1: 'ana' rates pair")
    assert f"{tmp_path}/a.jsonl:1, and it is not known which is later; remove one" in problem


def test_raters_without_a_name_are_called_by_their_file(tmp_path: Path) -> None:
    nameless = {**SHEET.line(0, "left"), "rater": " "}
    write_reviews(tmp_path, SHEET, one=[nameless], two=[nameless])
    assert [rating.rater for rating in read(tmp_path)] == ["one", "two"]


def test_keys_and_read_me_are_no_ratings(tmp_path: Path) -> None:
    write_reviews(tmp_path, SHEET)
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / ".gitkeep").write_text("")
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace('"teacher": "left"', '"teacher": "right"', 1), "was changed or renamed"),
        (lambda text: text[:-3], "is no key of a rating sheet (the file: Invalid JSON"),
        (lambda text: text.replace('"base"', '"student"'), "is no key of a rating sheet (against: Input"),
    ],
)
def test_a_spoilt_key_is_refused(tmp_path: Path, spoil: Any, says: str) -> None:
    write_reviews(tmp_path, SHEET)
    (path,) = tmp_path.glob("*.key.json")
    path.write_text(spoil(path.read_text()))
    with pytest.raises(DataError) as error:
        load_keys(tmp_path)
    assert says in str(error.value)


def test_the_name_of_a_sheet_gives_nothing_away() -> None:
    """Two sheets that differ in sides only bear different names, and the secret seed enters the name."""
    other: Sheet = make_sheet(answered(6), seed="another")
    assert other.name != SHEET.name
    assert json.loads(SHEET.key.model_dump_json())["seed"] == "seed"
