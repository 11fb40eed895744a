"""Every invalid input is refused with its own message."""

import os
import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from teacherspec.prepare.row_types import OpenTable
from teacherspec.prepare.sources.jsonl import open_jsonl
from teacherspec.prepare.sources.text_lines import TextLines
from tests.unit.prepare.bad_images import IMAGES
from tests.unit.prepare.bad_inputs import CASES, Case
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

DOCS = Path(__file__).parents[3] / "docs" / "bad-data.md"
NOBODY = 65534

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("case", [*CASES, *IMAGES], ids=lambda case: case.title)
def test_invalid_data_is_refused_with_its_message(case: Case, tmp_path: Path) -> None:
    code, problems = case.run(tmp_path / "repository")
    assert code == 1
    assert case.message in problems[0]
    assert all("\n" not in problem for problem in problems)


def test_titles_are_unique() -> None:
    titles = [case.title for case in (*CASES, *IMAGES)]
    assert len(set(titles)) == len(titles)


def test_the_examples_in_the_docs_are_messages_of_cases(tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    block = text.partition("```text\n")[2].partition("```")[0]
    examples = dict(line.split(" → ", 1) for line in block.splitlines())
    by_title = {case.title: case for case in (*CASES, *IMAGES)}
    assert len(examples) >= 5
    for number, (title, message) in enumerate(examples.items()):
        _, problems = by_title[title].run(tmp_path / str(number))
        assert problems[0] == message


def test_the_docs_link_to_existing_files_and_count_the_cases() -> None:
    text = DOCS.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert all((DOCS.parent / link).is_file() for link in links)
    (claimed,) = re.findall(r"(?i)more than (\d+) cases", text)
    assert int(claimed) < len(CASES) + len(IMAGES) < int(claimed) + 50


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder of a user who is not root, and run as that user where the tests run as root."""
    with TemporaryDirectory() as folder:
        was = os.geteuid()
        if was == 0:
            os.chown(folder, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(was)


def test_a_file_without_permission_is_refused(workshop: Workshop) -> None:
    source = {"kind": "jsonl", "path": "data/rows.jsonl"}
    assert "not found" in workshop.refusal([source])[0]  # and what reading needs is imported, still as root
    with as_nobody() as folder:
        theirs = Workshop(folder, workshop.fields)
        theirs.write(source["path"], jsonl(messages(60))).chmod(0)
        assert theirs.refusal([source]) == ("data/rows.jsonl: cannot be read: Permission denied",)


def test_a_file_that_changes_meanwhile_is_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workshop.write("data/rows.jsonl", jsonl(messages(60)))

    def growing(name: str, lines: TextLines) -> OpenTable:
        path.write_text(jsonl(messages(61)))
        return open_jsonl(name, lines)

    monkeypatch.setattr("teacherspec.prepare.sources.jsonl.open_jsonl", growing)
    assert workshop.refusal([{"kind": "jsonl", "path": "data/rows.jsonl"}]) == (
        "data/rows.jsonl: changed while it was read; run again",
    )


def test_a_line_without_end_needs_no_memory(workshop: Workshop) -> None:
    path = workshop.write("data/rows.jsonl", "")
    os.truncate(path, 256 << 20)
    tracemalloc.start()
    workshop.refusal([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
