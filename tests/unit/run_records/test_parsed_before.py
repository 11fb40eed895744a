"""Remembered YAML equals parsed YAML, whatever it holds, and another text is parsed again."""

from pathlib import Path
from typing import Any

import pytest

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_yaml import parse_yaml, parsed
from teacherspec.run_records.parsed_before import FOLDER, parsed_once

TEXTS = [
    "b: 1\na: 1.0\nc: true\nd: yes\ne: 0o17\nf: null\n",  # an order, and equal values of different types
    "1: int key\n",
    "when: 2026-01-01\n",
    "value: .nan\nmost: .inf\n",
    "[]",
    "text: 'ü \\ud83d'\n",
    "same: &x {a: [1, 2]}\nagain: *x\n",
]


def shape(value: Any) -> str:
    """The value with its types and order."""
    return repr(value)


@pytest.mark.parametrize("text", TEXTS)
def test_the_second_time_gives_the_same(tmp_path: Path, text: str) -> None:
    direct = parse_yaml(text)
    for _ in range(2):
        assert shape(parsed_once(text, "a.yaml", tmp_path, parse_yaml)) == shape(direct)


def test_the_same_text_is_parsed_once_and_another_again(tmp_path: Path) -> None:
    seen = []

    def parse(text: str) -> Any:
        seen.append(text)
        return parse_yaml(text)

    for text in ("a: 1\n", "a: 1\n", "a: 2\n", "a: 1\n"):
        parsed_once(text, "a.yaml", tmp_path, parse)
    assert seen == ["a: 1\n", "a: 2\n", "a: 1\n"]


@pytest.mark.parametrize("record", ["", "{", "[]", "null", '{"text": 1}', "\x00"])
def test_a_damaged_record_is_parsed_again(tmp_path: Path, record: str) -> None:
    parsed_once("a: 1\n", "a.yaml", tmp_path, parse_yaml)
    (tmp_path / FOLDER / "a.yaml.json").write_text(record)
    assert parsed_once("a: 1\n", "a.yaml", tmp_path, parse_yaml) == {"a": 1}


def test_what_cannot_be_parsed_is_refused_every_time(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="cannot be read"):
            parsed_once("a: [", "a.yaml", tmp_path, lambda text: parsed(text, "a.yaml"))
    assert not (tmp_path / FOLDER).exists()


def test_a_file_outside_the_repository_leaves_nothing_there(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    for _ in range(2):
        assert parsed_once("a: 1\n", outside.as_posix(), tmp_path / "project", parse_yaml) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
