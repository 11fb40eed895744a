"""A checkpoint is complete where its marker lists files, and each has its bytes."""

from pathlib import Path

from teacherspec.finetune.checkpoints import MARKER, is_complete, mark_complete
from teacherspec.runtime.atomic_io import write_json


def test_only_a_whole_checkpoint_is_complete(tmp_path: Path) -> None:
    assert not is_complete(tmp_path), "no marker"
    (tmp_path / "weights").write_text("1")
    mark_complete(tmp_path)
    assert is_complete(tmp_path)
    (tmp_path / "weights").write_text("2")
    assert not is_complete(tmp_path)
    (tmp_path / "weights").unlink()
    assert not is_complete(tmp_path)
    write_json(tmp_path / MARKER, {})
    assert not is_complete(tmp_path), "a marker of nothing"
