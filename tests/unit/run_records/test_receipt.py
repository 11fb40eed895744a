"""Receipts agree with `dvc.lock`, and a lock entry that no run wrote is found."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.dvc_lock import read_lock
from teacherspec.run_records.lock_check import check_lock
from teacherspec.run_records.receipt import hashes, receipt_of_lock
from teacherspec.run_records.record_run import MOST_NAMED, inputs, refuse_changed
from tests.unit.run_records.toy_project import ENVIRONMENT, STAGES, commit, edit, run
from tests.unit.run_records.toy_project import hashes as built_hashes

CODE, GREETING = "stages/texts", "stages/texts/greeting.py"


def problems(root: Path) -> list[tuple[str, str, str]]:
    return [(finding.stage, finding.kind, finding.what) for finding in check_lock(root)]


def test_our_hashes_are_those_of_dvc(toy: Path) -> None:
    for name, entry in read_lock().items():
        for path, md5 in (hashes(entry["deps"]) | hashes(entry["outs"])).items():
            assert md5_of(Path(path)) == md5, (name, path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_receipt_follows_from_its_lock_entry(toy: Path, stage: str) -> None:
    text = (toy / f"artifacts/receipts/{stage}.json").read_text()
    assert text == receipt_of_lock(stage, read_lock()[stage])
    sums = run(toy, "sha256sum", "--check", "--quiet", f"artifacts/receipts/{stage}.sha256")
    assert sums.stdout == ""


def test_a_built_pipeline_agrees_and_a_second_build_writes_the_same_bytes(toy: Path) -> None:
    assert check_lock() == []
    before = built_hashes(toy)
    run(toy, "dvc", "repro", "--quiet", "--force", "--no-run-cache")
    assert built_hashes(toy) == before
    record = json.loads((toy / "reports/train/run.json").read_text())
    assert record["receipt"] == md5_of(Path("artifacts/receipts/train.json"))
    assert record["level"] in ("R1", "R2", "R3")


def test_a_frozen_stage_whose_inputs_changed_is_found_with_the_remedy(toy: Path) -> None:
    run(toy, "dvc", "freeze", "evaluate")
    assert check_lock() == []
    edit(toy, "params.yaml", "steps: 4", "steps: 5")
    for force in ((), ("--force",)):
        # With --force DVC writes the hash of the new model into the entry of the evaluation of the old one.
        run(toy, "dvc", "repro", "--quiet", *force)
        frozen, *others = [finding for finding in check_lock() if finding.stage == "evaluate"]
        assert "dvc unfreeze evaluate" in frozen.problem
        assert [other.kind for other in others] == ["inconsistent" if force else "stale"]


def test_checking_the_lock_needs_no_data_no_cache_and_no_git(toy: Path) -> None:
    for folder in ("artifacts", ".dvc", ".git"):
        subprocess.run(["rm", "-rf", folder], check=True)
    assert check_lock() == []
    edit(toy, GREETING, "hello", "goodbye")
    assert problems(toy) == [("package", "stale", CODE)], "only git knows which file changed"


def edit_lock(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        yaml = YAML()
        lock = yaml.load(root / "dvc.lock")
        change(lock["stages"])
        yaml.dump(lock, root / "dvc.lock")

    return apply


def out_of(stage: str, path: str) -> Callable[[Path], None]:
    def change(stages: dict) -> None:
        (out,) = (out for out in stages[stage]["outs"] if out["path"] == path)
        out["md5"] = "0" * 32

    return edit_lock(change)


def forget(stage: str) -> Callable[[Path], None]:
    return edit_lock(lambda stages: stages.pop(stage))


def other_param(stages: dict) -> None:
    stages["package"]["params"]["params.yaml"]["package"]["name"] = "other"


def text(file: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: edit(root, file, old, new)


def unlink(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).unlink()


DISAGREEMENTS: dict[str, tuple[Callable[[Path], None], set[tuple[str, str, str]]]] = {
    "a metric edited by hand": (
        text("reports/evaluate/metrics.json", "0.", "0.9"),
        {("evaluate", "inconsistent", "reports/evaluate/metrics.json")},
    ),
    "a metric deleted": (
        unlink("reports/evaluate/metrics.json"),
        {("evaluate", "inconsistent", "reports/evaluate/metrics.json")},
    ),
    "a hash of the lock edited": (
        out_of("package", "artifacts/package"),
        {("package", "inconsistent", "dvc.lock: stages.package")},
    ),
    "an output of another run": (
        out_of("train", "artifacts/train"),
        {
            ("train", "inconsistent", "dvc.lock: stages.train"),
            ("evaluate", "stale", "artifacts/train"),
            ("package", "stale", "artifacts/train"),
        },
    ),
    "a param of the lock edited": (
        edit_lock(other_param),
        {
            ("package", "stale", "params.yaml: package.name"),
            ("package", "inconsistent", "dvc.lock: stages.package"),
        },
    ),
    "a stage that never ran": (forget("package"), {("package", "stale", "dvc.lock")}),
    "a param changed": (
        text("params.yaml", "1.0e-3", "2.0e-3"),
        {(stage, "stale", "params.yaml: train.rate") for stage in ("check", "train")},
    ),
    "a param removed": (
        text("params.yaml", ", rate: 1.0e-3", ""),
        {(stage, "stale", "params.yaml: train.rate") for stage in ("check", "train")},
    ),
    "a library changed": (
        text("pyproject.toml", "2.4.6", "2.4.7"),
        {("prepare", "stale", "pyproject.toml: dependency-groups.data[0]")},
    ),
    "a linter changed": (text("pyproject.toml", "ruff==1", "ruff==2"), set()),
    "a param in another notation": (text("params.yaml", "1.0e-3", "0.001"), set()),
    "a comment in the code": (
        text(GREETING, "\n", "  # hi\n"),
        {("package", "stale", GREETING)},
    ),
    "code deleted": (unlink(GREETING), {("package", "stale", GREETING)}),
    "a conflict left in the record of a run": (
        text("reports/train/run.json", "{", "<<<<<<< HEAD\n{"),
        {("train", "inconsistent", "reports/train/run.json")},
    ),
    "a file added to a folder of code": (
        lambda root: (root / CODE / "more.py").write_text("x = 1\n"),
        {("package", "stale", f"{CODE}/more.py")},
    ),
    "a folder of code deleted": (
        lambda root: shutil.rmtree(root / CODE),
        {("package", "stale", CODE)},
    ),
    "data changed": (text("data/rows.txt", "one", "ten"), {("prepare", "stale", "data/rows.txt")}),
    "a dependency dropped from dvc.yaml": (
        text("dvc.yaml", f", {CODE}", ""),
        {("package", "stale", CODE)},
    ),
    "a command changed": (
        text("dvc.yaml", "toy package", "toy  package"),
        {("package", "stale", "dvc.yaml: cmd")},
    ),
}


@pytest.mark.parametrize("case", DISAGREEMENTS)
def test_every_disagreement_is_named_and_no_other(toy: Path, case: str) -> None:
    change, expected = DISAGREEMENTS[case]
    change(toy)
    assert set(problems(toy)) == expected
    shown = CliRunner().invoke(main, ["verify-lock"])
    assert shown.exit_code == (1 if expected else 0)
    assert all(stage in shown.stderr and what in shown.stderr for stage, _, what in expected)
    state = CliRunner().invoke(main, ["status"])
    assert state.exit_code == 0
    assert all(what in state.stdout or "never ran" in state.stdout for _, _, what in expected)


def test_dvc_commit_without_a_run_is_found(toy: Path) -> None:
    """DVC itself then reports that all is up to date."""
    edit(toy, GREETING, "hello", "goodbye")
    run(toy, "dvc", "commit", "--force", "--quiet", "package")
    assert "up to date" in run(toy, "dvc", "status").stdout
    assert problems(toy) == [("package", "inconsistent", "dvc.lock: stages.package")]


def test_a_merge_that_never_ran_is_found(toy: Path) -> None:
    """Two branches, each built; merged line by line as git would without the attribute."""
    (toy / ".gitattributes").write_text("")
    commit(toy, "Merge dvc.lock line by line")
    run(toy, "git", "switch", "--quiet", "--create", "longer")
    edit(toy, "params.yaml", "steps: 4", "steps: 5")
    run(toy, "dvc", "repro", "--quiet")
    commit(toy, "Longer")
    run(toy, "git", "switch", "--quiet", "main")
    run(toy, "dvc", "checkout", "--quiet")
    edit(toy, "params.yaml", "name: toy", "name: renamed")
    run(toy, "dvc", "repro", "--quiet")
    commit(toy, "Renamed")
    merged = run(toy, "git", "merge", "--quiet", "-X", "ours", "longer", code=None)
    assert merged.returncode == 0, merged.stdout
    mixed = ("check", "package")  # the two whose inputs both branches changed
    assert problems(toy) == [(stage, "inconsistent", f"dvc.lock: stages.{stage}") for stage in mixed]


def test_with_our_attribute_git_does_not_merge_the_lock(toy: Path) -> None:
    for branch, old, new in (("a", "steps: 4", "steps: 5"), ("b", "name: toy", "name: renamed")):
        run(toy, "git", "switch", "--quiet", "--create", branch, "main")
        edit(toy, "params.yaml", old, new)
        run(toy, "dvc", "repro", "--quiet")
        commit(toy, branch)
    assert "CONFLICT (content): Merge conflict in dvc.lock" in run(toy, "git", "merge", "a", code=1).stdout


def test_a_result_whose_input_changed_meanwhile_is_refused(toy: Path) -> None:
    """DVC alone would record the new code with the result of the old."""
    edit(
        toy,
        "params.yaml",
        "train: {steps: 4, rate: 1.0e-3, pause: 0.0}",
        "train: {steps: 9, rate: 1, pause: 0.5}",
    )
    before = read_lock()["train"]
    repro = subprocess.Popen(
        ["dvc", "repro"],
        cwd=toy,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    while not list((toy / ".scratch").glob("train/*.json")):
        assert repro.poll() is None
        time.sleep(0.05)
    with (toy / "stages/toy.py").open("a") as file:
        file.write("# edited\n")
    assert repro.stderr
    message = repro.stderr.read()
    repro.stderr.close()
    assert repro.wait() != 0
    assert "stages/toy.py: changed while stage train ran" in message
    assert read_lock()["train"] == before
    run(toy, "dvc", "repro", "--quiet")
    assert check_lock() == []


def edited(root: Path) -> str:
    edit(root, GREETING, "hello", "goodbye")
    return GREETING


def added(root: Path) -> str:
    (root / CODE / "more.py").write_text("x = 1\n")
    return f"{CODE}/more.py"


def deleted(root: Path) -> str:
    (root / GREETING).unlink()
    return GREETING


def test_a_touch_is_no_change(toy: Path) -> None:
    before = inputs("package")
    (toy / GREETING).touch()
    refuse_changed(before)


@pytest.mark.parametrize("change", [edited, added, deleted])
def test_a_file_of_code_that_changed_meanwhile_is_named(toy: Path, change: Callable[[Path], str]) -> None:
    before = inputs("package")
    file = change(toy)
    with pytest.raises(UserError, match=rf"^{file}: changed while stage package ran"):
        refuse_changed(before)


def test_compiled_files_are_no_change(toy: Path) -> None:
    """Python writes them while a stage runs."""
    before = inputs("package")
    (toy / CODE / "__pycache__").mkdir()
    (toy / CODE / "__pycache__/greeting.cpython-311.pyc").write_bytes(b"compiled")
    refuse_changed(before)


def test_of_many_changed_files_the_folder_is_named(toy: Path) -> None:
    before = inputs("package")
    for number in range(MOST_NAMED + 1):
        (toy / CODE / f"more_{number}.py").write_text("")
    with pytest.raises(UserError, match=rf"^{CODE}: changed while stage package ran"):
        refuse_changed(before)


def test_an_output_restored_from_the_run_cache_brings_its_receipt(toy: Path) -> None:
    before = built_hashes(toy)
    edit(toy, "params.yaml", "steps: 4", "steps: 5")
    run(toy, "dvc", "repro", "--quiet")
    edit(toy, "params.yaml", "steps: 5", "steps: 4")
    output = run(toy, "dvc", "repro").stdout
    assert output.count("is cached - skipping run") == 4
    assert built_hashes(toy) == before
    assert check_lock() == []


def alter_cached(toy: Path, file: str) -> None:
    """As a bad disk or an edit by hand does; the mode stays, so DVC never reads it again."""
    path = toy / file
    md5 = md5_of(path)
    assert md5
    stored = toy / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    stored.write_text(stored.read_text().replace("1", "2", 1) + " ")
    stored.chmod(0o444)


def test_an_altered_cache_object_is_found_where_dvc_finds_nothing(toy: Path) -> None:
    ok = run(toy, sys.executable, "-m", "teacherspec", "verify-artifacts")
    assert ok.stdout.startswith("artifacts    ok, ")
    alter_cached(toy, "artifacts/train/model.json")
    found = run(toy, sys.executable, "-m", "teacherspec", "verify-artifacts", code=1)
    assert found.stderr.startswith("train: cache object of artifacts/train/model.json: altered")
    run(toy, "rm", "-rf", "artifacts/train")
    run(toy, "dvc", "checkout", "--quiet")
    assert "up to date" in run(toy, "dvc", "status").stdout
    found = run(toy, sys.executable, "-m", "teacherspec", "verify-artifacts", code=1)
    assert "train: artifacts/train/model.json: altered since the stage wrote it" in found.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unlink("artifacts/train/model.json"), "train: artifacts/train/model.json: deleted"),
        (
            lambda root: (root / "artifacts/train/more").write_text("x"),
            "artifacts/train/more: was not written",
        ),
        (
            lambda root: (root / "artifacts/receipts/train.sha256").write_text(""),
            "not the one that dvc.lock records",
        ),
    ],
)
def test_missing_and_unexpected_files_are_found(
    toy: Path, change: Callable[[Path], None], words: str
) -> None:
    change(toy)
    found = run(toy, sys.executable, "-m", "teacherspec", "verify-artifacts", code=1)
    assert words in found.stderr


def test_outputs_are_checked_without_the_record_of_their_files(toy: Path) -> None:
    """As after `dvc pull artifacts/train`, which leaves the receipts where they are."""
    shutil.rmtree(toy / "artifacts/receipts")
    shutil.rmtree(toy / ".dvc/cache")
    verify = (sys.executable, "-m", "teacherspec", "verify-artifacts")
    shown = run(toy, *verify).stdout
    assert "artifacts    ok" in shown
    assert "not here     artifacts/receipts/check.json" in shown
    model = toy / "artifacts/train/model.json"
    model.chmod(0o644)
    model.write_text("{}")
    found = run(toy, *verify, code=1)
    assert "train: artifacts/train: not the one that dvc.lock records" in found.stderr


def test_where_nothing_is_nothing_is_in_order(toy: Path) -> None:
    shutil.rmtree(toy / "artifacts")
    shutil.rmtree(toy / ".dvc/cache")
    shutil.rmtree(toy / "reports")
    found = run(toy, sys.executable, "-m", "teacherspec", "verify-artifacts", code=1)
    assert "artifacts    FAILED, 0 files read" in found.stdout
    assert "no output of dvc.lock is here" in found.stderr


@pytest.mark.parametrize("broken", ["", "stages:\n  a: {", "<<<<<<< HEAD\nstages: {}\n"])
def test_a_lock_that_cannot_be_read_is_named(toy: Path, broken: str) -> None:
    (toy / "dvc.lock").write_text(broken)
    shown = CliRunner().invoke(main, ["verify-lock"])
    assert shown.exit_code == 1
    assert shown.stderr.startswith("dvc.lock: ")
    assert "git checkout" in shown.stderr


def test_a_param_that_the_run_cache_of_dvc_ignores_is_found(toy: Path) -> None:
    """DVC leaves `size` and `nfiles` out of the key of a run, wherever they stand, params included."""
    edit(toy, "params.yaml", "steps: 4,", "steps: 4, size: 9,")
    assert "Stage 'train' is cached - skipping run" in run(toy, "dvc", "repro").stdout
    assert "up to date" in run(toy, "dvc", "status").stdout
    reading = ("check", "train")
    assert problems(toy) == [(stage, "inconsistent", f"dvc.lock: stages.{stage}") for stage in reading]
