"""Pairs of images and texts, every stage: contrastive training, recall, candidate sets, package, serving."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from teacherspec.base.retrieval.baseline import refuse_splits
from teacherspec.base.retrieval.candidate_scores import candidate_scores
from teacherspec.base.run import run_base
from teacherspec.calibrate.run import run_calibrate
from teacherspec.cli.predict import command
from teacherspec.errors import DataError
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.run import run_evaluate
from teacherspec.finetune.run import run_finetune
from teacherspec.package.card.terminal_summary import print_summary
from teacherspec.package.page.page_inputs import read_tsv
from teacherspec.package.run import run_package
from teacherspec.package.stage_outputs import Stages
from teacherspec.package.verification.checksums import write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.probe.run import run_probe
from teacherspec.probe.sources import Sources
from teacherspec.runtime import machine
from teacherspec.runtime.atomic_io import read_json, sha256_file, write_parquet
from teacherspec.serving import load_teacher
from teacherspec.spec.base import Base
from teacherspec.spec.calibrate import Calibrate
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.package import Package
from teacherspec.spec.probe.probe import Probe
from teacherspec.splits import Prepared, Role, Split, load_prepared, open_split, save_index
from teacherspec.tasks.clip_retrieval.task import ClipRetrieval
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.image import toy_image

pytestmark = pytest.mark.slow

TASK = ClipRetrieval(kind="clip_retrieval", max_length=CONTEXT)
SHADES = ("blue", "green", "red")
SAID = [
    f"{much} {shade} {where}" for shade in SHADES for much in ("a", "some") for where in ("here", "there")
]
BASE = {"source": {"kind": "path", "folder": "base"}, "license": "mit"}
FINETUNE = {
    "epochs": 5,
    "batch_size": 16,
    "learning_rate": 3e-3,
    "loss": {"kind": "contrastive"},
    "selection_metric": "recall_at_1",
}
PACKAGE = {
    "name": "shades",
    "description": "Finds texts on colours.",
    "intended_use": "Tests.",
    "data_license": "cc0-1.0",
    "golden_examples": 8,
}
ROLES: dict[str, Role] = {
    "train": "train",
    "validation": "validation",
    "calibration": "calibration",
    "test": "test",
    "shifted": "shifted",
}


def captioned(folder: Path, name: str, role: Role, images: int, seed: int) -> Split:
    """Pictures with two texts each, of the twelve that there are."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(images):
        label = int(draw.integers(3))
        content = toy_image(label, draw)
        for place in draw.choice(4, 2, replace=False):
            row = {
                "id": f"{name}-{number:03d}-{place}",
                "image": content,
                "text": SAID[4 * label + int(place)],
            }
            rows.append(row)
    path = folder / f"{name}.parquet"
    schema = pa.schema([("id", pa.string()), ("image", pa.binary()), ("text", pa.string())])
    write_parquet(path, pa.Table.from_pylist(rows, schema))
    return Split(name, role, len(rows), sha256_file(path), path)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The pipeline run once, in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("pipeline"))
        patch.setenv(machine.WORKERS, "0")
        yield run_pipeline("clip", {})


def test_candidates_are_ranked_by_what_the_base_finds_in_both_directions(stages: Stages) -> None:
    model, processor = TASK.load_base(Path("base"), (), ModelInit())
    rows = open_split(load_prepared(stages.prepared).splits["validation"])
    found = candidate_scores(TASK, model, processor, rows, rows)["recall_at_1"]
    measured = read_json(stages.reports / "base/fit.json")["untrained"]
    both = [measured[name] for name in ("image_to_text", "text_to_image")]
    queries = [one["queries"] for one in both]
    recalls = [one["recall_at_1"]["value"] for one in both]
    assert found.value == pytest.approx(np.average(recalls, weights=queries), abs=1e-6)
    assert found.higher_is_better


def run_pipeline(family: str, finetune: dict[str, Any]) -> Stages:
    """From rows to the package, in the current folder."""
    stages = Stages(Path("artifacts").absolute(), Path("reports").absolute())
    stages.prepared.mkdir(parents=True)
    splits = {
        name: captioned(stages.prepared, name, role, 48 if name == "train" else 20, seed)
        for seed, (name, role) in enumerate(sorted(ROLES.items()))
    }
    save_index(stages.prepared, Prepared("clip_retrieval", (), splits))
    toy_dual_base(Path("base"), SAID, family)
    base = Base.model_validate_json(json.dumps(BASE))
    declared = Finetune.model_validate_json(json.dumps({**FINETUNE, **finetune}))
    run_base(TASK, base, stages.prepared, stages.reports / "base")
    manifest = stages.reports / "base/manifest.json"
    run_finetune(TASK, declared, stages.prepared, manifest, stages.finetuned)
    report = stages.reports / "evaluate"
    paths = Paths(stages.prepared, stages.finetuned, stages.evaluated, report, report / "latency.json")
    run_evaluate(TASK, Evaluate(resamples=100, latency_examples=10), paths, lambda: Path("base"))
    run_calibrate(Calibrate(resamples=100), stages.evaluated, stages.calibrated, stages.reports / "calibrate")
    package = Package.model_validate_json(json.dumps(PACKAGE))
    spec = {"task": TASK.model_dump(mode="json"), "base": BASE, "package": package.model_dump(mode="json")}
    run_package(package, TASK, spec, stages, Path("teacher"), Path("report"))
    return stages


def test_it_learns_what_belongs_together(stages: Stages) -> None:
    found = read_json(stages.reports / "evaluate/metrics.json")
    for direction, chance in (("image_to_text", 2 / 12), ("text_to_image", 0.2)):
        recall = found["test"][direction]["recall_at_1"]
        assert recall["value"] > 2 * chance, direction
        assert recall["low"] < recall["value"] < recall["high"] or recall["value"] == 1.0
    assert found["test"]["image_to_text"]["chance_at_1"] == pytest.approx(2 / 12, abs=1e-5)
    assert found["test"]["image_to_text"]["queries"] == 20
    assert found["test"]["text_to_image"]["candidates"] == 20
    assert found["candidate_set_size"] == 11  # of twelve texts two are right
    kinds = {finding["kind"] for finding in read_json(stages.reports / "evaluate/findings.json")}
    assert "strength" in kinds
    fit = read_json(stages.reports / "base/fit.json")["untrained"]
    assert (
        fit["image_to_text"]["recall_at_1"]["value"] < found["test"]["image_to_text"]["recall_at_1"]["value"]
    )


def test_calibration_is_of_candidate_sets(stages: Stages) -> None:
    found = read_json(stages.reports / "calibrate/metrics.json")
    assert found["test"]["rows"] == 2 * 40
    assert found["calibration"]["nll"]["after"] <= found["calibration"]["nll"]["before"]
    # `evaluate` measures the same candidate sets.
    evaluated = read_json(stages.reports / "evaluate/metrics.json")["test"]
    assert found["test"]["nll"]["before"]["value"] == pytest.approx(evaluated["nll"]["value"], abs=1e-5)
    assert found["test"]["accuracy"]["before"]["value"] == evaluated["accuracy"]["value"]


def test_the_plots_are_those_of_retrieval(stages: Stages) -> None:
    folder = stages.reports / "evaluate/plots"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cosines.png", "hardest.tsv", "learning_curves.png", "nearest.tsv", "recall_at_k.png",
        "risk_coverage.png",
    ]  # fmt: skip


def test_the_package_verifies(stages: Stages) -> None:
    teacher = stages.artifacts.parent / "teacher"
    assert not [check for check in verify(teacher) if check.problems or check.skipped]
    rows = pq.read_table(next((teacher / "distill/soft").glob("train-*.parquet"))).to_pylist()
    assert {len(row["image_embeds"]) for row in rows} == {32}
    page = (stages.page).read_text()
    assert "Recall" in page
    assert page.count("data:image/png;base64") > 4
    assert len(read_tsv(stages.reports / "evaluate/plots/nearest.tsv")) > 12


def test_other_embeddings_are_found_out(stages: Stages, tmp_path: Path) -> None:
    """Targets of the next row, and the factor of another model."""
    teacher = tmp_path / "teacher"
    shutil.copytree(stages.artifacts.parent / "teacher", teacher)
    path = next((teacher / "distill/soft").glob("validation-*.parquet"))
    kept, table = path.read_bytes(), pq.read_table(path)
    moved = table["text_embeds"].combine_chunks().take([*range(1, len(table)), 0])
    place = table.schema.get_field_index("text_embeds")
    pq.write_table(table.set_column(place, table.schema.field(place), moved), path)
    assert "soft targets" in problems(teacher)
    path.write_bytes(kept)
    scale = teacher / "distill/embeddings/scale.json"
    content = read_json(scale)
    scale.write_text(json.dumps({**content, "logit_scale": content["logit_scale"] + 1}))
    assert {"labels", "calibration"} <= problems(teacher)


def problems(teacher: Path) -> set[str]:
    write_sums(teacher)
    return {check.name for check in verify(teacher) if check.problems}


def test_rows_are_served(stages: Stages) -> None:
    teacher = load_teacher(stages.artifacts.parent / "teacher")
    row = pq.read_table(stages.prepared / "test.parquet").to_pylist()[0]
    path = stages.artifacts.parent / "one.png"
    path.write_bytes(row["image"])
    image, texts = teacher.images([str(path)]), teacher.texts(SAID)
    probs = teacher.probs(image, texts)
    assert probs.shape == (1, 12)
    assert probs.sum() == pytest.approx(1)
    lines = [json.dumps({"id": "a", "image": str(path), "text": SAID[0]}), json.dumps({"image": str(path)})]
    teacher_folder = str(stages.artifacts.parent / "teacher")
    found = CliRunner().invoke(command, [teacher_folder], "\n".join(lines))
    first, second = (json.loads(line) for line in found.output.splitlines())
    assert first["cosine"] == pytest.approx(float(image[0] @ texts[0]), abs=1e-4)
    assert "cosine" not in second
    blank = CliRunner().invoke(command, [teacher_folder], json.dumps({"image": str(path), "text": " "}))
    assert blank.exit_code == 1
    assert "text: is blank" in blank.output
    np.testing.assert_allclose(second["image_embeds"], image[0], atol=1e-5)


@pytest.mark.slow
def test_a_package_tells_what_a_small_dual_encoder_gains(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built"
    shutil.copytree(stages.artifacts.parent, built)
    monkeypatch.chdir(built)
    own = Stages(built / "artifacts", built / "reports")
    student = {"kind": "dual_encoder", "image": {"kind": "image_vit", "side": 8}, "width": 16, "epochs": 2}
    section = Probe.model_validate_json(json.dumps({"students": [student], "seeds": 2}))
    sources = Sources(load_prepared(own.prepared), ["image"], own.artifacts, ["text"])
    list(
        run_probe(
            section, sources, own.reports / "base/fit.json", own.artifacts / "probe", own.reports / "probe"
        )
    )
    gates = [{"metric": "probe.test.taught.recall_at_1", "at_least": 0.0}]
    package = Package.model_validate_json(json.dumps({**PACKAGE, "gates": gates}))
    spec = {"task": TASK.model_dump(mode="json"), "base": BASE, "package": package.model_dump(mode="json")}
    packaged = run_package(package, TASK, spec, own, Path("probed"), Path("report"))
    assert packaged.gates[0].passed
    card = Path("probed/README.md").read_text()
    assert "| split | recall at 1, labels only | taught |" in card
    print_summary(packaged, Path("absent.json"))
    assert not [check for check in verify(Path("probed")) if check.problems]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "finetune"),
    [
        ("siglip", {"loss": {"kind": "contrastive", "pairing": "sigmoid"}}),
        ("clip", {"method": {"kind": "lora", "rank": 4}}),
        ("clip", {"weight_interpolation": 0.5, "augmentation": {"flip": 0.5}}),
    ],
    ids=["siglip", "lora", "mixed"],
)
def test_other_ways_to_train_go_the_whole_road(
    family: str, finetune: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")
    run_pipeline(family, {"epochs": 1, **finetune})
    assert not [check for check in verify(Path("teacher")) if check.problems or check.skipped]


@pytest.mark.parametrize("column", ["image", "text"])
def test_a_split_without_wrong_candidates_is_refused_before_training(column: str, tmp_path: Path) -> None:
    splits = {name: captioned(tmp_path, name, role, 4, 1) for name, role in ROLES.items()}
    refuse_splits(TASK, Prepared("clip_retrieval", (), splits))
    one = splits["calibration"]
    rows = pq.read_table(one.path)
    same = pa.array([rows[column][0].as_py()] * len(rows), rows.schema.field(column).type)
    write_parquet(one.path, rows.set_column(rows.schema.get_field_index(column), column, same))
    splits["calibration"] = Split(one.name, one.role, one.rows, sha256_file(one.path), one.path)
    with pytest.raises(DataError, match=r"split calibration: .* no wrong candidates"):
        refuse_splits(TASK, Prepared("clip_retrieval", (), splits))
