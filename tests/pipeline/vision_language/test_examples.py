"""The declaration for LLaVA, on rows of its form: prepared, and run by a tiny LLaVA."""

import json
import os
import shutil
from pathlib import Path

from click.testing import CliRunner

from teacherspec.check.run import check
from teacherspec.cli.show_tokens import command
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.prepare.run import prepare
from teacherspec.runtime.entrypoint import PARAMS
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.vision_language.toys import COLOURS, SEEN, picture, vision_base

ROOT = Path(__file__).parents[3]
ROWS = 80


def written(place: Path) -> Path:
    """Rows and images where the example looks for them, under its declaration with a small batch."""
    images = place / "data/llava/images"
    images.mkdir(parents=True)
    with (place / "data/llava/rows.jsonl").open("w", encoding="utf-8") as out:
        for number in range(ROWS):
            colour = list(COLOURS)[number % len(COLOURS)]
            (images / f"{number}.png").write_bytes(picture(colour, number, (20 + number, 40)))
            turns = [
                {"role": "user", "content": f"<image>\nImage {number}: which colour?"},
                {"role": "assistant", "content": colour},
            ]
            row = {"id": str(number), "image": f"{number}.png", "messages": turns, "source": "made"}
            out.write(json.dumps(row) + "\n")
    text = (ROOT / "examples/llava/params.yaml").read_text(encoding="utf-8")
    for given, small in {
        "batch_size: 128": "batch_size: 16",
        "precision: bf16": "precision: fp32",
        "rank: 128": "rank: 4",
        "seed: 0\n  data": "seed: 0\n  near_duplicates: null\n  data",
    }.items():
        assert text.count(given) == 1
        text = text.replace(given, small)
    (place / PARAMS).write_text(text, encoding="utf-8")
    return place


def test_the_example_is_prepared_read_and_walked(tmp_path, monkeypatch):
    monkeypatch.chdir(written(tmp_path))
    monkeypatch.setitem(os.environ, "TEACHERSPEC_WORKERS", "0")
    spec = check(tmp_path / PARAMS)
    fields = spec.task.row_schema()
    splits = prepare(
        tmp_path, spec.task.kind, fields, spec.prepare, tmp_path / "artifacts/prepare", tmp_path / "reports"
    )
    assert sum(split.rows for split in splits.splits.values()) == ROWS
    folder = vision_base(tmp_path / "models/llava-1.5-7b-hf", template=None)
    done = CliRunner().invoke(command, ["-n", "1"])
    assert done.exit_code == 0, done.output
    assert f"<image>×{SEEN}|⏎|" in done.output
    assert "|</s>»" in done.output
    model = spec.task.load_base(folder, (), ModelInit())[0]
    assert model.config.model_type == "llava"
    training = Training(spec.task, spec.finetune, folder, splits, ModelInit(spec.finetune.dropout))
    finetune(training, tmp_path / "run", tmp_path / "out")
    shutil.rmtree(folder)
    _, processor = spec.task.load(tmp_path / "out/model")
    assert processor.chat_template.startswith("{% for m in messages %}")


def test_no_plan_is_made_for_models_that_see(tmp_path):
    from teacherspec.cli.plan_memory import command as plan

    vision_base(tmp_path)
    done = CliRunner().invoke(plan, [str(tmp_path), "--task", "image-text-to-text"])
    assert done.exit_code == 1
    assert "no memory plan for 'image-text-to-text'" in done.output
