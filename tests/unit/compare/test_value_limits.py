"""Limits on values of another branch: bombs are refused at once, ordinary files are not."""

from pathlib import Path

import pytest

from teacherspec.compare.reported_numbers import numbers, reports_of
from teacherspec.compare.revision import Revision
from teacherspec.compare.value_limits import DEEPEST, LARGEST_TEXT, check_limits
from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import encode_json


def aliases(levels: int) -> str:
    lines = ["bomb:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def mappings(levels: int) -> str:
    lines = ["b0: &b0 {x: 1, y: 2}"]
    lines += [f"b{n}: &b{n} {{x: *b{n - 1}, y: *b{n - 1}}}" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


BOMBS = {
    "aliases of lists": aliases(30),
    "aliases of mappings": mappings(40),
    "an alias of itself": "a: &a [*a]\n",
    "deep lists": "a: " + "[" * 200 + "]" * 200,
    "very deep lists": "a: " + "[" * 5000 + "]" * 5000,
    "a long text": "a: " + "x" * LARGEST_TEXT,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_one_line_that_names_side_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"^evil: params\.yaml: ") as refused:
        Revision("evil", None).mapping("params.yaml")
    assert len(str(refused.value)) < 300


def test_an_ordinary_file_with_aliases_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text("a: &a {x: [1, 2]}\nb: *a\nc: {<<: *a, y: 3}\n" + aliases(4))
    found = Revision("fine", None).mapping("dvc.yaml")
    assert found["c"] == {"x": [1, 2], "y": 3}


def test_shared_parts_are_counted_each_time_but_walked_once() -> None:
    value: list[object] = [1]
    for _ in range(DEEPEST - 2):
        value = [value, value]
    with pytest.raises(ValueError, match="aliases"):
        check_limits(value)
    check_limits({"a": [{"b": list(range(1000))}] * 50, "none": None, "empty": [None, {}, None, []]})


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000 + "]" * 100_000, '{"test": ' * 500 + "1" + "}" * 500, "9" * 5000, "{", " " * LARGEST_TEXT],
    ids=["lists", "mappings", "digits", "broken", "long"],
)
def test_a_report_that_cannot_be_read_is_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("reports/evaluate/metrics.json")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert reports_of(Revision("evil", None)) == {}


def test_numbers_that_do_not_compare_are_left_out() -> None:
    ends = {"value": 1.0, "low": float("inf"), "high": 2.0}
    report = {"a": float("nan"), "b": 10**400, "c": ends, "d": True}
    (found,) = numbers({}, {"evaluate": report})
    assert found.metric == "evaluate.c"
    assert found.after is not None
    assert encode_json([found.after.value, found.after.low, found.after.high])
