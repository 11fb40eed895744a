"""A teacher over a shared declaration: the merge, where each value comes from, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import parse_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teacherspec.check import inheritance
from teacherspec.check.inheritance import merged, refuse_outdated
from teacherspec.check.parsing.parse import read_document
from teacherspec.cli.main import main
from teacherspec.errors import DeclarationError
from teacherspec.run_records.written_params import write_params
from tests.unit.check.example import RIGHT

SHARED = """\
finetune:
  epochs: 3
  batch_size: 32
  learning_rate: 2e-4
evaluate:
  batch_size: 64
calibrate:
  method: {kind: temperature}
probe: {}
package:
  data_license: cc0-1.0
  gates:
    - {metric: evaluate.test.accuracy, at_least: 0.9}
"""

OWN = """\
extends: ../shared.yaml
task:
  kind: text_classification
prepare:
  seed: 1
  sources:
    - kind: jsonl
      path: ../../data/messages.jsonl
  fractions: {train: 0.6, validation: 0.1, calibration: 0.15, test: 0.15}
  data: ../../data
base:
  source: {kind: path, folder: ../../bases/toy}
  license: apache-2.0
finetune:
  epochs: 5
package:
  name: mailroom
  description: Sorts messages.
  intended_use: Teaching a smaller model to sort messages.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a teacher, as the current one."""
    own = tmp_path / "teachers/mailroom"
    own.mkdir(parents=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "teachers/shared.yaml").write_text(SHARED)
    (own / "teacher.yaml").write_text(OWN)
    monkeypatch.chdir(own)
    return own


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], catch_exceptions=False)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_a_key_of_a_section_replaces_the_shared_one(folder: Path) -> None:
    values = merged(Path()).values
    assert values["finetune"] == {"epochs": 5, "batch_size": 32, "learning_rate": 2e-4}
    assert values["package"]["name"] == "mailroom"
    assert values["package"]["data_license"] == "cc0-1.0"
    assert "extends" not in values


def test_it_is_replaced_with_all_below_it(folder: Path) -> None:
    """Nothing of the shared method is left in another one."""
    edit(
        folder / "teacher.yaml",
        "package:\n",
        "calibrate:\n  method: {kind: histogram, n_bins: 10}\npackage:\n",
    )
    assert merged(Path()).values["calibrate"] == {"method": {"kind": "histogram", "n_bins": 10}}


KEYS = st.sampled_from("abc")
SECTIONS = st.dictionaries(
    KEYS, st.dictionaries(KEYS, st.integers(0, 3) | st.dictionaries(KEYS, st.integers(0, 3))), min_size=1
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SECTIONS, SECTIONS)
def test_the_merge_is_an_update_of_each_section(shared: dict[str, Any], own: dict[str, Any]) -> None:
    names = {**shared, **own}
    found = {name: inheritance.merged_section(shared, own, name) for name in names}
    for name in names:
        expected = dict(shared.get(name, {}))
        expected.update(own.get(name, {}))
        assert found[name] == expected


def test_what_is_written_is_what_dvc_reads_and_is_written_once(folder: Path) -> None:
    assert write_params(Path())
    text = Path("params.yaml").read_text()
    assert parse_yaml(text, "params.yaml") == merged(Path()).values
    assert "finetune:  # of ../shared.yaml; epochs of teacher.yaml" in text
    assert "task:  # of teacher.yaml" in text
    assert not write_params(Path())
    assert Path("params.yaml").read_text() == text


def test_a_change_of_the_shared_file_is_refused_until_it_is_written(folder: Path) -> None:
    write_params(Path())
    edit(folder.parent / "shared.yaml", "batch_size: 32", "batch_size: 16")
    found = run()
    assert found.exit_code == 1
    assert "finetune.batch_size: 32 is written, and ../shared.yaml:3 declares 16" in found.stderr
    assert "`teacherspec check --write` writes params.yaml again" in found.stderr
    assert run("--write").exit_code == 0
    assert read_document(Path("params.yaml")).values["finetune"]["batch_size"] == 16


def test_a_comment_of_the_shared_file_changes_nothing(folder: Path) -> None:
    write_params(Path())
    text = Path("params.yaml").read_text()
    (folder.parent / "shared.yaml").write_text(f"# Why.\n\n{SHARED}")
    refuse_outdated(Path("params.yaml"))
    assert not write_params(Path())
    assert Path("params.yaml").read_text() == text


def test_an_edit_of_the_written_file_is_never_lost(folder: Path) -> None:
    write_params(Path())
    edit(Path("params.yaml"), "epochs: 5", "epochs: 7")
    before = Path("params.yaml").read_text()
    found = run("--write")
    assert found.exit_code == 1
    assert "finetune.epochs: 7 is written, and teacher.yaml:15 declares 5" in found.stderr
    assert "set the values in teacher.yaml, then remove params.yaml" in found.stderr
    assert Path("params.yaml").read_text() == before


def test_an_experiment_of_dvc_is_seen_as_an_edit(folder: Path) -> None:
    write_params(Path())
    apply_overrides("params.yaml", ["finetune.epochs=7"])
    with pytest.raises(DeclarationError, match=r"finetune\.epochs: 7 is written"):
        refuse_outdated(Path("params.yaml"))


def test_every_value_is_shown_with_its_origin(folder: Path) -> None:
    write_params(Path())
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in run("--explain").stdout.splitlines()}
    assert lines["finetune.epochs"] == "5 teacher.yaml:15, over 3 of ../shared.yaml:2"
    assert lines["finetune.batch_size"] == "32 ../shared.yaml:3"
    assert lines["finetune.warmup"] == "0.1 default"
    assert lines["package.gates[0].at_least"] == "0.9 ../shared.yaml:13"


def test_origins_of_a_teacher_without_a_shared_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(RIGHT)
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in run("--explain").stdout.splitlines()}
    assert lines["finetune.epochs"] == "3 params.yaml:18"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("../shared.yaml", "batch_size: 64", "batch_sise: 64", "../shared.yaml:6:3: evaluate.batch_sise"),
        ("../shared.yaml", "probe: {}", "prope: {}", "../shared.yaml:9:1: prope: unknown key"),
        ("../shared.yaml", "kind: temperature", "kind: x", "../shared.yaml:8:18: calibrate.method.kind"),
        ("teacher.yaml", "epochs: 5", "epochs: five", "teacher.yaml:15:11: finetune.epochs: wrong type"),
        ("teacher.yaml", "extends: ../shared.yaml\n", "", "teacher.yaml:1:1: extends: missing key"),
        ("teacher.yaml", "../shared.yaml", "../other.yaml", "teacher.yaml:1:10: extends: no such file"),
        ("../shared.yaml", "probe: {}", "extends: x.yaml", "extends: a shared file extends no other"),
        ("teacher.yaml", "  data: ../../data\n", "  data: ../../../data\n", "leads out of the repository"),
        ("teacher.yaml", "epochs: 5", "epochs: &e 5", "teacher.yaml:15:11: finetune.epochs: an anchor"),
    ],
)  # fmt: skip
def test_a_mistake_is_shown_where_it_is_declared(
    folder: Path, file: str, old: str, new: str, message: str
) -> None:
    edit(Path(file), old, new)
    found = run("--write")
    assert found.exit_code == 1
    assert message in found.stderr
    assert not Path("params.yaml").exists()


def test_all_mistakes_of_both_files_at_once(folder: Path) -> None:
    edit(folder / "teacher.yaml", "epochs: 5", "epochs: 0")
    edit(folder.parent / "shared.yaml", "batch_size: 64", "batch_size: 0")
    lines = run().stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["../shared.yaml", "teacher.yaml"]


def test_a_teacher_that_was_never_written(folder: Path) -> None:
    assert "params.yaml: not written yet; run `teacherspec check --write`" in run().stderr
