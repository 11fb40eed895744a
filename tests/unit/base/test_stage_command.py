"""The entrypoint: user errors are plain lines with exit code 1, success is one line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stages.base import main
from tests.toys.text import toy_base, toy_prepared

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's own declaration, with a toy base and toy rows."""
    values = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["base"] = {"source": {"kind": "path", "folder": "model"}, "license": "cc0-1.0"}
    values["task"]["max_length"] = 16
    (tmp_path / "params.yaml").write_text(json.dumps(values, indent=1), encoding="utf-8")
    (tmp_path / "prepare").mkdir()
    toy_prepared(tmp_path / "prepare")
    monkeypatch.chdir(tmp_path)


def test_prints_one_line_about_the_base() -> None:
    toy_base(Path("model"))
    done = CliRunner().invoke(main, ["prepare", "reports"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("BertForSequenceClassification: 2")
    assert len(done.stdout.splitlines()) == 1


def test_a_hostile_base_is_plain_lines_and_exit_1() -> None:
    toy_base(Path("model"))
    Path("model/evil.py").write_text("x")
    Path("model/weights.bin").write_text("x")
    done = CliRunner().invoke(main, ["prepare", "reports"])
    assert done.exit_code == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["model/evil.py", "model/weights.bin"]
    assert not Path("reports").exists()


def test_a_movable_revision_is_named_with_its_line() -> None:
    text = Path("params.yaml").read_text(encoding="utf-8")
    hub = '{"kind": "hub", "id": "a/b", "revision": "main"}'
    Path("params.yaml").write_text(text.replace('"kind": "path",\n   "folder": "model"', hub[1:-1]), "utf-8")
    done = CliRunner().invoke(main, ["prepare", "reports"])
    assert done.exit_code == 1
    assert done.stderr.startswith("params.yaml:")
    assert "base.source" in done.stderr
    assert "full commit hash of 40 hex digits" in done.stderr
