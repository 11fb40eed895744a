"""The whole pipeline for a tiny LLaVA: answers depend on the image, and the package passes its checks."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from teacherspec.package.verification.verify import verify
from teacherspec.predictions.generation import load_answers
from teacherspec.runtime.atomic_io import read_json
from tests.pipeline.vision_language.toys import COLOURS, picture, task, vision_base, vision_prepared
from tests.toys.language_pipeline import PipelineRun, run_pipeline

pytestmark = pytest.mark.slow


def small(folder):
    return vision_prepared(folder, train=64, other=24)


@pytest.fixture(scope="module")
def pipeline_run(tmp_path_factory: pytest.TempPathFactory) -> PipelineRun:
    place = tmp_path_factory.mktemp("llava")
    base = vision_base(place / "base")
    return run_pipeline(place, task(), small, base, epochs=8, method={"kind": "full", "freeze": []})


def test_answers_depend_on_the_image_and_end(pipeline_run):
    metrics = read_json(pipeline_run.stages.reports / "evaluate/metrics.json")
    assert metrics["gain"]["test"]["nll"]["low"] > 0
    assert metrics["test"]["generated"]["exact_match"]["value"] > 0.6  # the questions alone give a quarter
    assert read_json(pipeline_run.teacher / "READINESS.json")["verdict"] == "ready"


def test_the_package_passes_its_own_checks(pipeline_run):
    found = {check.name: check.problems for check in verify(pipeline_run.teacher)}
    assert found == dict.fromkeys(found, ())


def test_equal_questions_about_other_images_are_other_prompts(pipeline_run):
    answers = load_answers(pipeline_run.stages.evaluated, "test")
    assert len(answers) == 20  # of 24 rows
    assert len({one.prompt for one in answers}) <= 3
    assert all(len(one.references) == 1 for one in answers)


def test_the_package_loads_with_plain_transformers(pipeline_run):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from teacherspec.tasks.shared.image_decoding import decode

    folder = pipeline_run.teacher / "model"
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    content = [{"type": "image"}, {"type": "text", "text": "Which colour?"}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    images = [picture(colour, 7) for colour in COLOURS]
    batch = processor(
        images=list(map(decode, images)),
        text=[prompt] * len(images),
        add_special_tokens=False,
        return_tensors="pt",
    )
    batch.pop("token_type_ids", None)
    with torch.inference_mode():
        theirs = model(**batch).logits[:, -1].numpy()
    kind = task()
    ours, own = kind.load(folder)
    rows = [{"images": [image], "prompt": "Which colour?"} for image in images]
    with torch.inference_mode():
        np.testing.assert_allclose(kind.logits(ours, kind.batch(own, rows)), theirs, atol=1e-4)


def test_soft_targets_keep_their_images(pipeline_run):
    path = next((pipeline_run.teacher / "distill/soft").glob("validation-*.parquet"))
    for row in pq.read_table(path).to_pylist()[:3]:
        assert row["images"][0].startswith(b"\x89PNG")
        assert len(row["positions"]) == sum(row["completion_mask"]) == len(row["token_ids"])


def test_another_image_under_the_soft_targets_is_caught(pipeline_run, tmp_path):
    import shutil

    import pyarrow as pa

    from teacherspec.package.verification.checksums import write_sums
    from teacherspec.runtime.atomic_io import write_parquet

    teacher = tmp_path / "teacher"
    shutil.copytree(pipeline_run.teacher, teacher)
    path = next((teacher / "distill/soft").glob("validation-*.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["images"], rows[1]["images"] = [picture("white", 1)], [picture("blue", 1)]
    write_parquet(path, pa.Table.from_pylist(rows, schema=table.schema))
    write_sums(teacher)
    found = {check.name: check.problems for check in verify(teacher)}
    assert "content_sha256 is not that of its content" in found["soft targets"][0]


@pytest.mark.slow
def test_llava_next_goes_down_the_road(tmp_path):
    base = vision_base(tmp_path / "base", "llava_next")
    run = run_pipeline(tmp_path, task(), small, base, epochs=2, method={"kind": "full", "freeze": []})
    found = {check.name: check.problems for check in verify(run.teacher)}
    assert found == dict.fromkeys(found, ())


def test_the_teacher_answers_about_files(pipeline_run, tmp_path):
    from click.testing import CliRunner

    from teacherspec.cli.predict import command
    from teacherspec.serving import load_teacher

    (tmp_path / "photo.png").write_bytes(picture("blue", 77))
    row = {"id": "x", "images": str(tmp_path / "photo.png"), "prompt": "Which colour?"}
    (found,) = load_teacher(pipeline_run.teacher).answers([row])
    assert found.text.strip() in COLOURS
    done = CliRunner().invoke(command, [str(pipeline_run.teacher), "-"], input=json.dumps(row))
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    assert (answer["id"], answer["answer"], answer["tokens"]) == ("x", found.text, found.tokens)
    done = CliRunner().invoke(
        command, [str(pipeline_run.teacher), "-"], input='{"images": "no.png", "prompt": "a"}'
    )
    assert done.exit_code == 1
    assert "images: no file can be read" in done.output
