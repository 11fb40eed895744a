"""A table of tampers, each with the check that catches it, also where the checksums were written anew."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from teacherspec.cli.main import main
from teacherspec.package.verification.checksums import SUMS, write_sums
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
    path = folder / "calibration/calibration.json"
    edit(path, lambda saved: {**saved, "calibrator": {"kind": "temperature", "temperature": 3.0}})


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
