"""Damaged files of every format give rows or one line that says so: no crash, no hang, no other memory."""

import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.prepare.fuzz_readers import FORMATS, arrow
from tests.unit.prepare.toy_data import Workshop, messages

ROOT = Path(__file__).parents[3]

QUICK = ("arrow-file", "arrow-stream", "parquet", "tar-pax", "zip-lzma")
"""Formats whose readers trusted the file, once."""


def read_damaged(names: str, seed: int, count: int, folder: Path) -> None:
    module = "tests.unit.prepare.fuzz_readers"
    command = [sys.executable, "-m", module, names, str(seed), str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_few_damaged_files(tmp_path: Path) -> None:
    read_damaged(",".join(QUICK), 1, 30, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_files(name: str, tmp_path: Path) -> None:
    read_damaged(name, 2, 1500, tmp_path)


@pytest.mark.slow
def test_a_reader_that_crashes_would_be_noticed(tmp_path: Path) -> None:
    """Control: without the check of its buffers, such a file ends the process."""
    script = tmp_path / "unchecked.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from teacherspec.prepare.sources import parquet\n"
        "parquet.valid = lambda batch: batch\n"
        "from tests.unit.prepare.fuzz_readers import read\n"
        "print(read(Path(sys.argv[1]), 'arrow', 'rows.arrow', {}))\n"
    )
    offset_of_text(tmp_path, at=5, offset=2**30)
    done = subprocess.run([sys.executable, script, tmp_path], cwd=ROOT, capture_output=True, check=False)
    assert -done.returncode in {signal.SIGSEGV, signal.SIGBUS}


def offset_of_text(folder: Path, at: int, offset: int) -> None:
    """An Arrow file of 12 texts, one of whose offsets is another."""
    content = bytearray(arrow(stream=False))
    lengths = [len(row["text"]) for row in messages(12)]
    offsets = np.cumsum([0, *lengths]).astype(np.int32).tobytes()
    struct.pack_into("<i", content, content.find(offsets) + 4 * at, offset)
    (folder / "data").mkdir()
    (folder / "data/rows.arrow").write_bytes(content)


@pytest.mark.parametrize(("at", "offset"), [(5, 2**30), (5, -5000), (12, 12_000), (5, 3)])
def test_texts_that_begin_elsewhere_are_refused(workshop: Workshop, at: int, offset: int) -> None:
    offset_of_text(workshop.root, at, offset)
    problems = workshop.refusal([{"kind": "arrow", "path": "data/rows.arrow", "other_columns": "ignore"}])
    assert [problem.partition(": ")[2][:18] for problem in problems] == ["broken after row 0"]
