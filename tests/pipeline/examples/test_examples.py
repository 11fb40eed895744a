"""Every example can be read, its pins are true, and the digits keep what their README promises."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from teacherspec.check.run import check
from teacherspec.model_files.security_scan import check_folder
from teacherspec.prepare.run import prepare
from teacherspec.run_records.dvc_yaml import DVC_YAML, parse_yaml
from teacherspec.runtime.atomic_io import read_json, sha256_file

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
SHARED = ROOT.parent / "shared" / "data"
STAGES = ("prepare", "base", "finetune", "evaluate", "calibrate")


@pytest.mark.parametrize("example", sorted(path.parent.name for path in EXAMPLES.glob("*/params.yaml")))
def test_an_example_is_a_declaration_that_holds(example: str) -> None:
    spec = check(EXAMPLES / example / "params.yaml")
    readme = (EXAMPLES / example / "README.md").read_text()
    assert f"cp examples/{example}/params.yaml params.yaml" in readme
    for gate in spec.package.gates:
        assert gate.metric.startswith(("evaluate.", "calibrate."))
        assert ".train." not in gate.metric, "what was learned proves nothing"


def test_the_digits_are_prepared_without_network_or_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teacherspec.prepare.report.report.save_png", lambda figure, path: None)
    spec = check(EXAMPLES / "digits" / "params.yaml")
    prepared = prepare(
        ROOT, spec.task.kind, spec.task.row_schema(), spec.prepare, tmp_path / "out", tmp_path / "reports"
    )
    assert sum(split.rows for split in prepared.splits.values()) == 1_797
    assert not check_folder(EXAMPLES / "digits" / "base", weights_needed=False).tensors


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real models at {SHARED}")
def test_the_base_of_clothing_is_the_pinned_one() -> None:
    spec = check(EXAMPLES / "clothing" / "params.yaml")
    folder = SHARED / "models" / Path(spec.base.source.folder).name
    assert {name: sha256_file(folder / name) for name in spec.base.sha256} == spec.base.sha256


@pytest.mark.slow
def test_the_digits_reach_what_their_readme_promises(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "digits", tmp_path / "examples" / "digits")
    shutil.copy(EXAMPLES / "digits" / "params.yaml", tmp_path / "params.yaml")
    for name in ("teacherspec", "stages", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    stages = parse_yaml((ROOT / DVC_YAML).read_text(encoding="utf-8"))["stages"]
    for stage in STAGES:
        command = [sys.executable, *stages[stage]["cmd"].split()[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    evaluated = read_json(tmp_path / "reports" / "evaluate" / "metrics.json")
    calibrated = read_json(tmp_path / "reports" / "calibrate" / "metrics.json")
    assert evaluated["test"]["accuracy"]["value"] >= 0.98
    assert calibrated["test"]["ece"]["after"]["value"] <= 0.03
