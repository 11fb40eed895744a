"""Every broken input is refused with its own message, and the table in the docs says the same."""

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from teacherspec.prepare.row_types import OpenTable
from teacherspec.prepare.sources.jsonl import open_jsonl
from teacherspec.prepare.sources.text_lines import TextLines
from tests.unit.prepare.bad_data import BESIDE, CASES, TABLE, table_row
from tests.unit.prepare.bad_inputs import Case
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

NOBODY = 65534

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_broken_data_is_refused_by_name(case: Case, tmp_path: Path) -> None:
    code, problems = case.ends(tmp_path / "repository")
    assert code == 1
    assert case.says in problems[0]
    assert all("\n" not in problem for problem in problems)
    assert table_row(case, code, problems) in TABLE.read_text(), "run `python -m tests.unit.prepare.bad_data`"


def test_the_table_holds_every_case_once() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(CASES) == len({case.title for case in CASES})


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder of a user who is not root, and that user, while root is who tests."""
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
        assert theirs.refusal([source]) == (BESIDE["permission"],)


def test_a_file_that_changes_meanwhile_is_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workshop.write("data/rows.jsonl", jsonl(messages(60)))

    def growing(name: str, lines: TextLines) -> OpenTable:
        path.write_text(jsonl(messages(61)))
        return open_jsonl(name, lines)

    monkeypatch.setattr("teacherspec.prepare.sources.jsonl.open_jsonl", growing)
    assert workshop.refusal([{"kind": "jsonl", "path": "data/rows.jsonl"}]) == (BESIDE["meanwhile"],)


def test_what_is_said_beside_files_is_in_the_docs() -> None:
    assert all(said in TABLE.read_text() for said in BESIDE.values())


def test_a_line_without_end_needs_no_memory(workshop: Workshop) -> None:
    path = workshop.write("data/rows.jsonl", "")
    os.truncate(path, 256 << 20)
    tracemalloc.start()
    workshop.refusal([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
