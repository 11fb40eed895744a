"""The example of a dual encoder walks the real photos with a tiny CLIP."""

import json
from pathlib import Path

import pytest

from teacherspec.base.run import run_base
from teacherspec.check.run import Spec, check
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.run import run_finetune
from teacherspec.model_files.manifest import open_base
from teacherspec.prepare.run import prepare
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.finetune import Finetune
from teacherspec.tasks.clip.prompt_templates import prompts
from tests.pipeline.examples.test_examples import EXAMPLES, SHARED
from tests.toys.clip import toy_dual_base

PHOTOS = SHARED / "image" / "clothing_small"


def tiny(spec: Spec) -> Spec:
    """The declaration for a tiny base: its context and one short pass, all else as declared."""
    task = spec.task.model_copy(update={"max_length": 16})
    shorter = {"epochs": 1, "precision": "fp32", "learning_rate": 1e-3}
    section = Finetune.model_validate_json(json.dumps({**spec.finetune.model_dump(mode="json"), **shorter}))
    measured = spec.evaluate.model_copy(
        update={"resamples": 100, "perturbations": (), "latency_examples": 10}
    )
    return spec.model_copy(update={"task": task, "finetune": section, "evaluate": measured})


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no real data sets at {SHARED}")
def test_the_declaration_walks_the_photos_with_a_tiny_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")
    monkeypatch.setattr("teacherspec.prepare.report.report.save_png", lambda figure, path: None)
    spec = tiny(check(EXAMPLES / "clip" / "params.yaml"))
    task = spec.task
    for source in spec.prepare.sources:
        target = tmp_path / source.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PHOTOS / target.name).read_bytes())
    said = prompts(task.templates, task.label_names, task.phrases, {})
    toy_dual_base(tmp_path / spec.base.source.folder, said)
    prepare(tmp_path, task.kind, task.row_schema(), spec.prepare, Path("prepared"), Path("reports/prepare"))
    run_base(task, spec.base, Path("prepared"), Path("reports/base"))
    manifest = Path("reports/base/manifest.json")
    run_finetune(task, spec.finetune, Path("prepared"), manifest, Path("finetuned"))
    report = Path("reports/evaluate")
    paths = Paths(Path("prepared"), Path("finetuned"), Path("evaluated"), report, report / "t.json")
    run_evaluate(task, spec.evaluate, paths, lambda: open_base(manifest))
    fit = read_json(Path("reports/base/fit.json"))
    assert fit["texts"]["data"]["prompts"]["truncated_share"] == 0
    assert fit["texts"]["data"]["prompts"]["unknown_token_share"] == 0
    assert 0 <= fit["untrained"]["accuracy"]["zero_shot"]["value"] < 0.5
    assert read_json(report / "metrics.json")["test"]["accuracy"]["value"] > 0
