"""Every broken input is refused with its own message, and the table in the docs says the same."""

import os
import tracemalloc
from pathlib import Path

import pytest

from teacherspec.errors import DataError
from teacherspec.prepare.bytestream import open_bytes
from tests.prepare.bad_data import CASES, TABLE, table_row
from tests.prepare.bad_inputs import Case
from tests.prepare.workshop import Workshop, jsonl, messages

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_broken_data_is_refused_by_name(case: Case, tmp_path: Path) -> None:
    code, problems = case.ends(tmp_path / "repository")
    assert code == 1
    assert case.says in problems[0]
    assert all("\n" not in problem for problem in problems)
    assert table_row(case, code, problems) in TABLE.read_text(), "run `python -m tests.prepare.bad_data`"


def test_the_table_holds_every_case_once() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(CASES) == len({case.title for case in CASES})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60))).chmod(0)
    assert workshop.refusal([{"kind": "jsonl", "path": "data/rows.jsonl"}]) == (
        "data/rows.jsonl: cannot be read: Permission denied",
    )


def read_while_it_grows(path: Path) -> None:
    with open_bytes("rows", path, "utf-8") as stream:
        stream.read()
        path.write_bytes(b"{}\n{}\n")


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"{}\n")
    with pytest.raises(DataError, match="changed while it was read"):
        read_while_it_grows(path)


def test_a_line_without_end_needs_no_memory(workshop: Workshop) -> None:
    path = workshop.write("data/rows.jsonl", "")
    os.truncate(path, 256 << 20)
    tracemalloc.start()
    workshop.refusal([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
