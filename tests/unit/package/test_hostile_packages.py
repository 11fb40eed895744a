"""Packages that somebody prepared: each ends with exit 1 and lines for people, never a traceback or a hang.

Every change below comes with checksums that fit it.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.package.golden_examples import load_golden
from teacherspec.package.verification.checksums import files_below, write_sums
from teacherspec.package.verification.verify import verify
from teacherspec.runtime.bounded_child import Limits
from teacherspec.serving import load_teacher
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.vision_language.task import VisionLanguage
from tests.toys.packaged_teacher import PackagedTeacher

Change = Callable[[Path], None]
SOFT = "distill/soft/train-00000-of-00001.parquet"
DEEP = "[" * 99_999


@pytest.fixture
def teacher(packaged_teacher: PackagedTeacher, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))


def text(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content) and None


def content(name: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def values(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """Change the content of a JSON file in place."""

    def apply(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        change(found)
        (folder / name).write_text(json.dumps(found))

    return apply


def calibrator(**fitted: Any) -> Change:
    return values("calibration/calibration.json", lambda saved: saved.update(calibrator=fitted))


def table(change: Callable[[pa.Table], pa.Table]) -> Change:
    return lambda folder: pq.write_table(change(pq.read_table(folder / SOFT)), folder / SOFT)


def column(name: str, kind: pa.DataType, value: Any) -> Change:
    def changed(found: pa.Table) -> pa.Table:
        place = found.schema.get_field_index(name)
        return found.set_column(place, name, pa.array([value] * len(found), kind))

    return table(changed)


CHANGES: dict[str, Change] = {
    "golden.json is empty": text("golden/golden.json", "{}"),
    "golden.json is no JSON": text("golden/golden.json", "{"),
    "golden row without id": text("golden/rows.jsonl", '{"text":"ice"}\n'),
    "golden rows are deep": text("golden/rows.jsonl", DEEP),
    "no golden rows": text("golden/rows.jsonl", ""),
    "golden rows are numbers": text("golden/rows.jsonl", "1\n2\n"),
    "golden inputs are cut": content("golden/inputs.safetensors", lambda given: given[:4]),
    "golden inputs claim a long header": content(
        "golden/inputs.safetensors", lambda given: b"\xff" * 7 + b"\x0f" + given
    ),
    "declaration is a list": text("provenance/spec.json", "[]"),
    "declaration is deep": text("provenance/spec.json", DEEP),
    "another task": values("provenance/spec.json", lambda spec: spec.update(task={"kind": "causal_lm"})),
    "no package section": values("provenance/spec.json", lambda spec: spec.pop("package")),
    "digests are a number": text("provenance/digests.json", "7"),
    "training is a list": text("provenance/training.json", "[]"),
    "base is null": text("provenance/base.json", "null"),
    "report is deep": text("eval/evaluate/metrics.json", DEEP),
    "report is a text": text("eval/calibrate/metrics.json", '"good"'),
    "findings are an object": text("eval/evaluate/findings.json", '{"kind": 1}'),
    "classes without columns": text("eval/evaluate/plots/classes.tsv", "\n"),
    "classes of words": text("eval/evaluate/plots/classes.tsv", "label\tsupport\trecall\ncold\tmany\tgood\n"),
    "calibrator is not a number": calibrator(kind="temperature", temperature=float("nan")),
    "calibrator is zero": calibrator(kind="temperature", temperature=0.0),
    "calibrator of other classes": calibrator(kind="vector", scale=[1.0] * 99, bias=[0.0] * 99),
    "calibrator of uneven lists": calibrator(kind="vector", scale=[1.0] * 3, bias=[0.0]),
    "calibrator of no knots": calibrator(kind="isotonic", knots=[], values=[]),
    "calibrator missing": values("calibration/calibration.json", lambda saved: saved.pop("calibrator")),
    "loss missing": values("calibration/calibration.json", lambda saved: saved.pop("before_after")),
    "no label names in the model": values("model/config.json", lambda config: config.pop("id2label")),
    "metadata is a list": text("metadata.json", "[]"),
    "metadata in UTF-16": content("metadata.json", lambda given: given.decode().encode("utf-16")),
    "absolute split": values("metadata.json", lambda found: found["soft_targets"]["rows"].update({"/x": 1})),
    "a million labels": values("metadata.json", lambda found: found.update(label_names=["x"] * 1_000_000)),
    "Parquet is empty": content(SOFT, lambda given: b""),
    "Parquet is cut": content(SOFT, lambda given: given[:500]),
    "Parquet has other bytes": content(SOFT, lambda given: given[:99] + bytes(2_000) + given[2_099:]),
    "Parquet without logits": table(lambda found: found.drop_columns(["logits"])),
    "logits are text": column("logits", pa.string(), "1, 2, 3"),
    "logits of other width": column("logits", pa.list_(pa.float32()), [1.0]),
    "logits are null": column("logits", pa.list_(pa.float32(), 3), None),
    "text is bytes": column("text", pa.binary(), b"\xff"),
    "label out of range": column("label", pa.int64(), 9),
    "weights are cut": content("model/model.safetensors", lambda given: given[:-9]),
    "kernel from the hub": values("model/config.json", lambda c: c.update(attn_implementation="org/kernel")),
    "tokenizer of nothing": text("model/tokenizer.json", '{"version": "1.0"}'),
    "sums are no text": content("SHA256SUMS", lambda given: b"\xff\xfe" + given),
}


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["verify-package", str(folder), *options])


def refused(result: Result) -> list[str]:
    """The lines of a refusal: exit code 1, no traceback, each line about one problem."""
    assert result.exit_code == 1, (result.exit_code, result.stdout)
    assert isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.splitlines()
    assert lines
    assert all(": " in line for line in lines), lines
    assert "Traceback" not in result.stderr
    return lines


@pytest.mark.parametrize("name", CHANGES)
def test_a_broken_package_is_refused_in_words(name: str, teacher: Path) -> None:
    CHANGES[name](teacher)
    if name != "sums are no text":
        write_sums(teacher)
    refused(check(teacher))


def test_the_commands_fixture_is_sound(teacher: Path) -> None:
    """The control: what the changes above are made of passes."""
    result = check(teacher, "--all-rows")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "384 of 384 rows of train" in result.stdout
    assert "signature    not checked" in result.stdout


def growing_tokenizer(folder: Path) -> None:
    step = {"type": "Replace", "pattern": {"String": "snow"}, "content": "snow " * 6}
    found = json.loads((folder / "model/tokenizer.json").read_text())
    found["normalizer"] = {"type": "Sequence", "normalizers": [step] * 12}
    (folder / "model/tokenizer.json").write_text(json.dumps(found))


def parquet_bomb(folder: Path) -> None:
    """A few kilobytes that become 20 GB: one text of a megabyte, for each of 20,000 rows."""
    row = pq.read_table(folder / SOFT).slice(0, 1)
    rows = row.take([0] * 20_000)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 1_000_000]))
    place = rows.schema.get_field_index("text")
    pq.write_table(
        rows.set_column(place, "text", long), folder / SOFT, compression="zstd", store_schema=False
    )


def test_what_asks_for_more_than_allowed_ends_the_child_alone(teacher: Path) -> None:
    parquet_bomb(teacher)
    write_sums(teacher)
    checks = verify(teacher, limits=Limits(60, 1 << 30, 120))
    failed = [found for found in checks if found.problems]
    assert failed
    assert any(
        "memory" in problem or "s of processor" in problem for one in failed for problem in one.problems
    )


@pytest.mark.parametrize("given", ["/etc/passwd", "/dev/zero", "rows.jsonl", {"path": "/etc/passwd"}, 7])
@pytest.mark.parametrize(
    "task", [ImageClassification(kind="image_classification"), VisionLanguage(kind="vision_language")]
)
def test_rows_of_a_package_open_no_file(given: Any, task: Any, tmp_path: Path) -> None:
    (column_of_images,) = task.row_schema().images()
    value = [given] if task.kind == "vision_language" else given
    save_file({"logits": np.zeros((1, 2), np.float32)}, tmp_path / "logits.safetensors")
    save_file({"x": np.zeros(1, np.float32)}, tmp_path / "inputs.safetensors")
    (tmp_path / "golden.json").write_text('{"rows": 1}')
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "a", "prompt": "x", column_of_images.name: value}))
    with pytest.raises(ColumnError, match="base64"):
        load_golden(tmp_path, task.row_schema())
    with pytest.raises((ColumnError, TypeError)):
        task.batch(None, [{"id": "a", "prompt": "x", column_of_images.name: value}])


def index_outside(folder: Path) -> None:
    weights = folder / "model/model.safetensors"
    save_file(load_file(weights), folder.parent / "outside.safetensors", {"format": "pt"})
    names = dict.fromkeys(load_file(weights), "../../outside.safetensors")
    weights.unlink()
    index = {"metadata": {}, "weight_map": names}
    (folder / "model/model.safetensors.index.json").write_text(json.dumps(index))


def linked_weights(folder: Path) -> None:
    (folder / "model/model.safetensors").rename(folder.parent / "outside.safetensors")
    (folder / "model/model.safetensors").symlink_to("../../outside.safetensors")


def pipe(folder: Path) -> None:
    (folder / "model/config.json").unlink()
    os.mkfifo(folder / "model/config.json")


USED_UNSEEN: dict[str, Change] = {
    "index outside": index_outside,
    "linked weights": linked_weights,
    "kernel from the hub": CHANGES["kernel from the hub"],
    "huge sizes": values("model/config.json", lambda config: config.update(num_hidden_layers=10**6)),
    "pipe": pipe,
    "tokenizer that grows a word": growing_tokenizer,
    "one label twice": values(
        "metadata.json", lambda found: found.update(label_names=["cold", "cold", "wet"])
    ),
    "calibrator of other classes": CHANGES["calibrator of other classes"],
    "temperature of nearly nothing": calibrator(kind="temperature", temperature=1e-320),
    "changed after it was packaged": text("model/tokenizer.json", "{}"),
}


@pytest.mark.parametrize("name", USED_UNSEEN)
def test_whoever_uses_a_package_checks_it_first(name: str, teacher: Path, tmp_path: Path) -> None:
    USED_UNSEEN[name](teacher)
    if name not in ("changed after it was packaged", "pipe"):
        write_sums(teacher)
    with pytest.raises(UserError):
        load_teacher(teacher)
    (tmp_path / "rows.jsonl").write_text('{"text": "ice snow"}\n')
    refused(CliRunner().invoke(main, ["predict", str(teacher), str(tmp_path / "rows.jsonl")]))
    out = str(tmp_path / "out")
    refused(CliRunner().invoke(main, ["export", str(teacher), out, "--to", "safetensors-logits"]))
    assert not Path(out).exists()


def test_a_tokenizer_that_gives_up_on_a_text_is_named(teacher: Path, tmp_path: Path) -> None:
    """A pattern that backtracks without end on digits, of which the package holds none."""
    found = json.loads((teacher / "model/tokenizer.json").read_text())
    found["pre_tokenizer"] = {
        "type": "Split", "pattern": {"Regex": "(?:\\d+\\s?)+(?<=x)"}, "behavior": "Isolated", "invert": False,
    }  # fmt: skip
    (teacher / "model/tokenizer.json").write_text(json.dumps(found))
    write_sums(teacher)
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "1234567890 " * 4}) + "\n")
    result = CliRunner().invoke(main, ["predict", str(teacher), str(tmp_path / "rows.jsonl")])
    (line,) = refused(result)
    assert line.startswith("a tokenizer gave up on one of these texts (Onig: ")


def test_without_checks_a_changed_package_is_used(teacher: Path) -> None:
    """The control: what is refused above is the change, not the package."""
    text("model/README.md", "more")(teacher)
    with pytest.raises(UserError, match=r"checksums: model/README\.md"):
        load_teacher(teacher)
    assert load_teacher(teacher, unchecked=True).probs([{"text": "ice"}]).shape == (1, 3)  # type: ignore[union-attr]


def mutants(name: str, given: bytes, draw: np.random.Generator) -> Iterator[bytes]:
    """Versions of a file's content that a careless or a hostile writer leaves."""
    half = len(given) // 2
    yield from (b"", b"\0", b"{}", b"[]", b"null", b"[" * 99_999, b"\xff\xfe" + given)
    yield from (given[:half], given + given, given[half:], given + b"\n\0")
    if name.endswith(".json"):
        found = json.loads(given)
        keys = sorted(found) if isinstance(found, dict) else []
        for key in draw.permutation(keys)[:5].tolist():
            for value in draw.permutation(np.array([None, -1, "x" * 99, [], {}, 1e308], object))[:2].tolist():
                yield json.dumps({**found, key: value}).encode()
            yield json.dumps({other: value for other, value in found.items() if other != key}).encode()
    for _ in range(3):
        changed = bytearray(given)
        for place in draw.integers(0, max(1, len(changed)), 1 + len(changed) // 500):
            changed[place : place + 1] = bytes([int(draw.integers(256))])
        yield bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_no_version_of_any_file_ends_in_a_traceback(part: int, teacher: Path) -> None:
    names = [name for name in files_below(teacher) if name != "SHA256SUMS"]
    found_out = 0
    for name in names[part::4]:
        given = (teacher / name).read_bytes()
        draw = np.random.default_rng(len(given))
        for number, mutant in enumerate(mutants(name, given, draw)):
            if mutant == given:
                continue
            (teacher / name).write_bytes(mutant)
            write_sums(teacher)
            result = check(teacher)
            if result.exit_code == 0:
                continue  # contradicts nothing: a low bit of a weight, a number of a report without a gate
            found_out += 1
            try:
                refused(result)
            except AssertionError as error:
                raise AssertionError(f"{name}, mutant {number}: {mutant[:80]!r}") from error
        (teacher / name).write_bytes(given)
    assert found_out > 50
    write_sums(teacher)
    assert check(teacher).exit_code == 0
