"""A table of tampers, each with the check that catches it, also where the checksums were written anew."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from teacherspec.cli.main import main
from teacherspec.package.golden_examples import check_golden, tolerances
from teacherspec.package.stage_outputs import CLASSES, PLOT
from teacherspec.package.verification.checksums import SUMS, write_sums
from teacherspec.package.verification.package_reader import open_package
from teacherspec.package.verification.verify import verify
from teacherspec.runtime.atomic_io import read_json, write_json
from tests.toys.packaged_teacher import PackagedTeacher

SOFT = "distill/soft/train-00000-of-00001.parquet"


@pytest.fixture
def teacher(packaged_teacher: PackagedTeacher, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))


def flip_byte(folder: Path) -> None:
    path = folder / "model/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def add_pickle(folder: Path) -> None:
    (folder / "model/pytorch_model.bin").write_bytes(b"\x80\x04.")


def add_code(folder: Path) -> None:
    (folder / "model/modeling.py").write_text("raise SystemExit\n")


def add_link(folder: Path) -> None:
    (folder / "eval/evaluate/more.json").symlink_to("/etc/hostname")


def link_the_model_elsewhere(folder: Path) -> None:
    (folder / "model").rename(folder.parent / "elsewhere")
    (folder / "model").symlink_to(folder.parent / "elsewhere")


def add_hidden(folder: Path) -> None:
    (folder / ".hidden.json").write_text("{}")


def remove_a_row_file(folder: Path) -> None:
    (folder / "golden/rows.jsonl").unlink()


def remote_code(folder: Path) -> None:
    edit(folder / "model/config.json", lambda config: {**config, "auto_map": {"AutoModel": "m.Model"}})


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    write_json(path, change(read_json(path)))


def edit_metadata(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "metadata.json", lambda content: {**content, **changes})


def swap_labels(folder: Path) -> None:
    names = {"0": "hot", "1": "cold", "2": "wet"}
    swapped = {"id2label": names, "label2id": {name: int(index) for index, name in names.items()}}
    edit(folder / "model/config.json", lambda config: {**config, **swapped})


def scale_a_weight(folder: Path) -> None:
    path = folder / "model/model.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "classifier.weight": tensors["classifier.weight"] * 1.01}, path, {"format": "pt"})


def change_a_word_of_the_vocabulary(folder: Path) -> None:
    path = folder / "model/tokenizer.json"
    path.write_text(path.read_text().replace('"snow"', '"slush"'))


def change_golden_logits(folder: Path) -> None:
    path = folder / "golden/logits.safetensors"
    save_file({"logits": load_file(path)["logits"] + 0.01}, path)


def edit_soft_targets(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    return lambda folder: pq.write_table(change(pq.read_table(folder / SOFT)), folder / SOFT)


def shifted_by_one(table: pa.Table) -> pa.Table:
    logits = pa.concat_arrays([table["logits"].combine_chunks()[-1:], table["logits"].combine_chunks()[:-1]])
    return table.set_column(table.schema.get_field_index("logits"), table.schema.field("logits"), logits)


def another_text(table: pa.Table) -> pa.Table:
    texts = pa.array(["snow snow", *table["text"].to_pylist()[1:]])
    return table.set_column(table.schema.get_field_index("text"), table.schema.field("text"), texts)


def another_temperature(folder: Path) -> None:
    calibration(temperature=3.0, calibrator={"kind": "temperature", "temperature": 3.0})(folder)


def another_verdict(folder: Path) -> None:
    edit(folder / "READINESS.json", lambda content: {**content, "verdict": "ready"})
    edit_metadata(verdict="ready")(folder)


def better_accuracy(folder: Path) -> None:
    edit_metadata(test_accuracy={"value": 1.0, "low": 0.99, "high": 1.0})(folder)


def another_learning_rate(folder: Path) -> None:
    edit(folder / "provenance/spec.json", lambda spec: {**spec, "task": {**spec["task"], "max_length": 17}})


def another_prediction(folder: Path) -> None:
    path = folder / "provenance/digests.json"
    edit(path, lambda content: {**content, "predictions": {**content["predictions"], "test": "0" * 64}})


def random_weights(folder: Path) -> None:
    """A model that knows nothing, and a tolerance that forgives everything."""
    path, draw = folder / "model/model.safetensors", np.random.default_rng(0)
    tensors = {
        name: draw.standard_normal(value.shape).astype(value.dtype) for name, value in load_file(path).items()
    }
    save_file(tensors, path, {"format": "pt"})
    another_tolerance(folder)


def another_tolerance(folder: Path) -> None:
    edit(folder / "golden/golden.json", lambda about: {**about, "tolerance": {"float32": 1e300}})


def fewer_golden_rows(folder: Path) -> None:
    golden = folder / "golden"
    lines = (golden / "rows.jsonl").read_text().splitlines(keepends=True)
    (golden / "rows.jsonl").write_text(lines[0])
    for name in ("inputs", "logits"):
        path = golden / f"{name}.safetensors"
        save_file({key: value[:1] for key, value in load_file(path).items()}, path)
    logits = load_file(golden / "logits.safetensors")["logits"]
    write_json(golden / "golden.json", {"rows": 1, "tolerance": tolerances(logits)})


def column(name: str, change: Callable[[list[Any]], list[Any]]) -> Callable[[Path], None]:
    def changed(table: pa.Table) -> pa.Table:
        field = table.schema.field(name)
        values = pa.array(change(table[name].to_pylist()), field.type)
        return table.set_column(table.schema.get_field_index(name), field, values)

    return edit_soft_targets(changed)


def rotated_between_known_places(rows: list[Any]) -> list[Any]:
    """Every answer but those of sixteen rows, evenly spread, is that of another class."""
    kept = set(np.linspace(0, len(rows) - 1, 16).round().astype(int).tolist())
    return [row if at in kept else row[1:] + row[:1] for at, row in enumerate(rows)]


def text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1))

    return change


def calibration(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "calibration/calibration.json", lambda saved: {**saved, **changes})


def a_little_warmer(folder: Path) -> None:
    """A temperature whose loss is nearly the same, because the fitted one is an optimum."""
    fitted = read_json(folder / "calibration/calibration.json")["temperature"] + 1e-4
    calibration(temperature=fitted, calibrator={"kind": "temperature", "temperature": fitted})(folder)


def better_calibrated(folder: Path) -> None:
    found = read_json(folder / "calibration/calibration.json")["before_after"]
    calibration(before_after={**found, "ece": {"before": 0.2, "after": 0.0}})(folder)


def copy_of_train(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.copyfile(folder / SOFT, folder / "distill/soft" / name)


def rows_of(split: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        targets = read_json(folder / "metadata.json")["soft_targets"]
        edit_metadata(soft_targets={**targets, "rows": {**targets["rows"], split: 1}})(folder)

    return change


def no_picture(folder: Path) -> None:
    (folder / "eval" / PLOT).write_bytes(b"<script>")


def more_than_a_picture(folder: Path) -> None:
    path = folder / "eval" / PLOT
    path.write_bytes(path.read_bytes() + b"PK\x03\x04")


def another_recall(folder: Path) -> None:
    path = folder / "eval" / CLASSES
    head, first, *rest = path.read_text().splitlines()
    cells = first.split("\t")
    path.write_text("\n".join([head, "\t".join([*cells[:2], "0.123456", *cells[3:]]), *rest, ""]))


def uneven_table(folder: Path) -> None:
    with (folder / "eval" / CLASSES).open("a") as file:
        file.write("=cmd\t1\n")


def second_name_outside(folder: Path) -> None:
    os.link(folder / "README.md", folder.parent / "outside.md")


def runs_as_its_owner(folder: Path) -> None:
    (folder / "README.md").chmod(0o4755)


def sparse(folder: Path) -> None:
    with (folder / "golden/inputs.safetensors").open("ab") as file:
        file.truncate(1 << 24)


def empty_folder(folder: Path) -> None:
    (folder / "eval/.git").mkdir()


TAMPERS: list[tuple[Callable[[Path], None], str]] = [
    (flip_byte, "checksums"),  # one unit in the last place of a weight: no other check can see it
    (add_pickle, "files"),
    (add_code, "files"),
    (add_link, "files"),
    (link_the_model_elsewhere, "files"),
    (add_hidden, "files"),
    (remove_a_row_file, "files"),
    (remote_code, "files"),
    (edit_metadata(schema_version=2), "metadata"),
    (edit_metadata(surprise=1), "metadata"),
    (edit_metadata(label_names=["hot", "cold", "wet"]), "labels"),
    (swap_labels, "labels"),
    (change_a_word_of_the_vocabulary, "vocabulary"),
    (scale_a_weight, "golden"),
    (change_a_word_of_the_vocabulary, "golden"),
    (change_golden_logits, "golden"),
    (edit_soft_targets(shifted_by_one), "soft targets"),
    (edit_soft_targets(lambda table: table.slice(1)), "soft targets"),
    (edit_soft_targets(another_text), "soft targets"),
    (another_temperature, "calibration"),
    (another_verdict, "gates"),
    (better_accuracy, "numbers"),
    (random_weights, "golden"),
    (another_tolerance, "golden"),
    (fewer_golden_rows, "golden"),
    (column("logits", rotated_between_known_places), "soft targets"),
    (column("label", lambda rows: [(label + 1) % 3 for label in rows]), "soft targets"),
    (column("in_teacher_train", lambda rows: [False] * len(rows)), "soft targets"),
    (column("id", lambda rows: [rows[1], *rows[1:]]), "soft targets"),
    (column("text", lambda rows: ["cold " * 9, *rows[1:]]), "soft targets"),
    (text("README.md", "# weather", "# weather, the best of all"), "cards"),
    (text("README.md", "license: apache-2.0", "license: mit"), "cards"),
    (text("distill/README.md", "soft/train-*.parquet", "../../../outside.parquet"), "cards"),
    (text("distill/README.md", "soft/train-*.parquet", "https://example.org/x.parquet"), "cards"),
    (text("distill/README.md", "Never apply both", "Apply both"), "cards"),
    (edit_metadata(advice=["Use no other teacher."]), "numbers"),
    (edit_metadata(name="another"), "numbers"),
    (edit_metadata(license="mit"), "numbers"),
    (edit_metadata(data_license="mit"), "numbers"),
    (edit_metadata(parameters=5), "numbers"),
    (edit_metadata(examples=5_000_000), "numbers"),
    (edit_metadata(label_smoothing=0.5), "numbers"),
    (edit_metadata(libraries={}), "numbers"),
    (a_little_warmer, "calibration"),
    (calibration(temperature=2.0), "metadata"),
    (calibration(rows=1_000_000), "calibration"),
    (calibration(standard_error=0.0), "calibration"),
    (calibration(row_ids_sha256="0" * 64), "calibration"),
    (calibration(keeps_argmax=False), "calibration"),
    (better_calibrated, "calibration"),
    (calibration(calibrator={"kind": "temperature", "temperature": 1e-320}), "metadata"),
    (calibration(calibrator={"kind": "vector", "scale": [1.0] * 9, "bias": [0.0] * 9}), "metadata"),
    (copy_of_train("train-evil.parquet"), "files"),
    (copy_of_train("train-00001-of-00002.parquet"), "metadata"),
    (copy_of_train("evil-00000-of-00001.parquet"), "metadata"),
    (rows_of("../../.vscode/settings"), "metadata"),
    (rows_of("absent"), "metadata"),
    (edit_metadata(label_names=["cold", "cold", "wet"]), "metadata"),
    (no_picture, "reports"),
    (more_than_a_picture, "reports"),
    (another_recall, "reports"),
    (uneven_table, "reports"),
    (second_name_outside, "files"),
    (runs_as_its_owner, "files"),
    (sparse, "files"),
    (empty_folder, "files"),
    (another_learning_rate, "provenance"),
    (another_prediction, "provenance"),
]


def test_an_untouched_package_passes_every_check(packaged_teacher: PackagedTeacher) -> None:
    checks = verify(packaged_teacher.folder)
    assert [check for check in checks if check.problems or check.skipped] == []
    assert {caught for _, caught in TAMPERS} == {check.name for check in checks}


@pytest.mark.parametrize(
    ("tamper", "caught"), TAMPERS[1:], ids=lambda value: getattr(value, "__name__", None)
)
def test_tampering_is_caught_even_with_new_checksums(
    teacher: Path, tamper: Callable[[Path], None], caught: str
) -> None:
    tamper(teacher)
    if (teacher / SUMS).is_file() and not (teacher / "model").is_symlink():
        write_sums(teacher)
    failed = {check.name: check.problems for check in verify(teacher) if check.problems}
    assert caught in failed


def test_without_golden_rows_no_model_runs(teacher: Path) -> None:
    golden = teacher / "golden"
    (golden / "rows.jsonl").write_text("")
    for name in ("inputs", "logits"):
        path = golden / f"{name}.safetensors"
        save_file({key: value[:0] for key, value in load_file(path).items()}, path)
    opened = open_package(teacher)
    (problem,) = check_golden(opened)
    assert re.fullmatch(r"golden: 0 rows, declared are \d+", problem)
    assert "model_and_processor" not in vars(opened), "the model was not even loaded"


@pytest.mark.parametrize("tamper", [tamper for tamper, _ in TAMPERS])
def test_every_tamper_breaks_the_files_or_the_checksums(
    teacher: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(teacher)
    checks = verify(teacher)
    failed = {check.name for check in checks if check.problems}
    assert failed <= {"files", "checksums"}
    assert len(failed) == 1
    assert all(check.skipped for check in checks[2:]), "nothing unknown is loaded"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense\n", "is not a checksum of a further file"),
        ("0" * 64 + "  README.md\n", "is not a checksum of a further file"),
        ("0" * 64 + "  ../outside.json\n", "is in SHA256SUMS but missing"),
    ],
)
def test_a_broken_list_of_checksums_is_caught(teacher: Path, line: str, says: str) -> None:
    with (teacher / SUMS).open("a") as file:
        file.write(line)
    (failed,) = [check for check in verify(teacher) if check.problems]
    assert failed.name == "checksums"
    assert says in failed.problems[0]


def test_the_command_says_what_failed(packaged_teacher: PackagedTeacher, teacher: Path) -> None:
    whole = CliRunner().invoke(main, ["verify-package", str(packaged_teacher.folder)])
    assert (whole.exit_code, whole.stderr) == (0, "")
    assert "golden       ok" in whole.stdout
    flip_byte(teacher)
    broken = CliRunner().invoke(main, ["verify-package", str(teacher)])
    assert broken.exit_code == 1
    assert broken.stderr == "checksums: model/model.safetensors: its bytes are not those that were packaged\n"
    assert "golden       skipped" in broken.stdout
    assert CliRunner().invoke(main, ["verify-package", str(teacher / "absent")]).exit_code == 2
