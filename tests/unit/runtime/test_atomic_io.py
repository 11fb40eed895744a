"""Temporary folders go away with their block, and after a kill with the next one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from teacherspec.runtime.atomic_io import encode_json, new_folder, scratch_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from teacherspec.runtime import atomic_io
with getattr(atomic_io, sys.argv[1])(Path(sys.argv[2])) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", [scratch_folder, new_folder])
def test_what_a_kill_left_is_removed_by_the_next(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "out"
    subprocess.run([sys.executable, "-c", KILLED, kind.__name__, path], cwd=Path(__file__).parents[3])
    assert [left.name.split(".")[1] for left in tmp_path.iterdir()] == ["out"], "the kill left nothing"
    with kind(path) as folder:
        assert list(folder.iterdir()) == []
        assert list(tmp_path.iterdir()) == [folder]


def fail_within(path: Path) -> None:
    with scratch_folder(path) as folder:
        (folder / "file").write_text("x")
        raise ValueError("as declared")


def test_a_scratch_folder_goes_away_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as declared"):
        fail_within(tmp_path / "scratch")
    assert list(tmp_path.iterdir()) == []


def test_canonical_json_is_the_same_for_every_order_and_sorts_numbers_as_numbers() -> None:
    names = ["-2", "0", "2", "10", "010", "b", "ä", "1.5", "²"]
    given = {"outer": [{name: at for at, name in enumerate(names)}]}
    turned = {"outer": [dict(reversed(given["outer"][0].items()))]}
    assert encode_json(given) == encode_json(turned)
    assert json.loads(encode_json(given)) == given
    assert list(json.loads(encode_json(given))["outer"][0]) == [
        "-2", "0", "2", "010", "10", "1.5", "b", "²", "ä",
    ]  # fmt: skip
    assert encode_json({3: 1, 20: 2}) == '{\n  "3": 1,\n  "20": 2\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        encode_json({"a": [float("nan")]})
