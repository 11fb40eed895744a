"""Tags that only true teachers get, and teachers built again from their tags."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.compare.revision import find_revision
from teacherspec.release.archive import write_archive
from teacherspec.release.rebuild_env import own_python, pins_unlike_installed, variables
from teacherspec.release.recorded_outputs import Cache, local_cache, states
from tests.pipeline.gitops.sandbox import ENVIRONMENT, Sandbox, new_stub_repository


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    for name in ("PATH", "PYTHONPATH", "DVC_NO_ANALYTICS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])


def test_a_true_teacher_gets_an_annotated_tag_that_gto_reads(sandbox: Sandbox) -> None:
    shutil.rmtree(sandbox.root.parent / "remote")
    found = run("release", "v1.0.0", "--push")
    assert found.exit_code == 0, found.output
    assert sandbox.git("cat-file", "-t", "teacher@v1.0.0") == "tag"
    assert sandbox.git("rev-parse", "teacher@v1.0.0^{commit}") == sandbox.git("rev-parse", "HEAD")
    assert "pass evaluate.test.accuracy" in sandbox.git(
        "tag", "--list", "--format=%(contents)", "teacher@v1.0.0"
    )
    shown = sandbox.run("gto", "show", "teacher", "--json").stdout
    assert json.loads(shown)[0]["version"] == "v1.0.0"
    # The remote alone now holds every recorded byte.
    remote = Cache(sandbox.root.parent / "remote/files/md5")
    assert set(states(find_revision("teacher@v1.0.0"), remote).values()) == {"intact"}
    again = run("release", "v1.0.0")
    assert again.exit_code == 1
    assert "exists already" in again.stderr


@pytest.mark.parametrize("version", ["1.0.0", "v1.0", "v01.0.0", "v1.0.0-rc1", "latest", "v1.0.0\n"])
def test_only_plain_versions(sandbox: Sandbox, version: str) -> None:
    found = run("release", version)
    assert found.exit_code == 1
    assert "allowed: v1.2.3" in found.stderr
    assert not sandbox.git("tag", "--list")


def test_everything_that_speaks_against_it_is_told_at_once(sandbox: Sandbox) -> None:
    sandbox.edit("params.yaml", "at_least: 0.5", "at_least: 0.99")
    sandbox.edit("params.yaml", "temperature: 0.8", "temperature: 0.9")
    sandbox.commit("Promise more than is kept, and do not build")
    (sandbox.root / "stray.txt").write_text("stray")
    weights = sandbox.root / "artifacts/teacher/weights.json"
    weights.chmod(0o644)
    weights.write_text("{}")
    lost = local_cache().path(find_revision("HEAD").outs["artifacts/calibrate"])
    lost.chmod(0o644)
    lost.unlink()
    found = run("release", "v1.0.0", "--push")
    assert found.exit_code == 1
    for words in (
        "stray.txt: not committed",
        "calibrate.temperature: 0.8 → 0.9",
        "gate evaluate.test.accuracy: missed",
        "artifacts/teacher: weights.json",
        "artifacts/calibrate: missing",
    ):
        assert words in found.stderr
    assert not sandbox.git("tag", "--list")


def test_an_altered_cache_object_stops_a_release_though_dvc_calls_it_clean(sandbox: Sandbox) -> None:
    cache = local_cache()
    md5 = find_revision("HEAD").outs["artifacts/finetune"]
    (name,) = (cache.files(md5) or {}).values()
    cache.path(name).chmod(0o644)
    cache.path(name).write_text('{"skill": 1.0}')
    cache.path(name).chmod(0o444)
    assert json.loads(sandbox.dvc("status", "--json")) == {}
    found = run("release", "v1.0.0")
    assert "artifacts/finetune: altered" in found.stderr


@pytest.mark.slow
def test_a_tag_is_built_again_to_the_same_bytes_beside_other_work(sandbox: Sandbox) -> None:
    assert run("release", "v1.0.0").exit_code == 0
    sandbox.edit("params.yaml", "skill: 0.6", "skill: 0.1")
    before = sandbox.git("status", "--porcelain")
    found = sandbox.teacherspec("rebuild-release", "teacher@v1.0.0")
    assert "R1: identical" in found.stdout
    assert "9 of 9 outputs" in found.stdout
    assert sandbox.git("status", "--porcelain") == before
    assert len(sandbox.git("worktree", "list").splitlines()) == 1


@pytest.mark.slow
def test_what_differs_is_named_with_its_first_stage_its_numbers_and_its_cause(tmp_path: Path) -> None:
    """Negative control: a stage that listens to its surroundings cannot be reproduced, and that is found."""
    sandbox = new_stub_repository(tmp_path)
    sandbox.edit(
        "road.py",
        'skill = json.loads(',
        'import os\n\n    skill = float(os.environ.get("LUCK", 0)) + json.loads(',
    )  # fmt: skip
    sandbox.edit("requirements.txt", "numpy==", "numpy==0.")
    sandbox.dvc("repro", "--quiet")
    sandbox.commit("A teacher with luck")
    command = [sys.executable, "-m", "teacherspec", "rebuild-release", "HEAD", "--environment", "this"]
    found = sandbox.run(*command, code=1, LUCK="0.3")
    assert "R0: not identical; the bytes that the tag recorded are at hand" in found.stdout
    assert "differs: artifacts/evaluate (stage evaluate)" in found.stdout
    assert "  predictions/test.parquet" in found.stdout
    assert "number: evaluate.test.accuracy" in found.stdout
    assert "cause: `evaluate` is the first stage" in found.stdout
    assert "cause: library: numpy was 0." in found.stdout
    assert "differs: artifacts/prepare" not in found.stdout


def test_what_was_never_built_cannot_be_reproduced(repository: Sandbox) -> None:
    first = repository.git("rev-list", "--max-parents=0", "HEAD")
    for name, words in ((first, "records no built teacher"), ("teacher@v9.9.9", "no such revision")):
        found = run("rebuild-release", name)
        assert found.exit_code == 1
        assert words in found.stderr


def test_pins_are_compared_with_what_is_installed() -> None:
    from importlib.metadata import version

    met = f"numpy=={version('numpy')}\n# a comment\nDVC=={version('dvc')}  # upper case is the same\n"
    assert pins_unlike_installed(met) == ()
    assert pins_unlike_installed('nothing-like-this==1.0; sys_platform == "plan9"\n') == ()
    (change,) = pins_unlike_installed(met + "nothing-like-this==1.0\n")
    assert (change.name, change.before, change.after) == ("nothing-like-this", "1.0", "–")


@pytest.mark.slow
def test_an_environment_of_its_own_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    python = own_python("# nothing needed\n")
    code = "import sys; print(sys.prefix)"
    said = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, env=variables(python)
    )
    assert Path(said.stdout.strip()) == python.parent.parent
    made = (python.parent.parent / "complete").stat().st_mtime_ns
    assert own_python("# nothing needed\n") == python
    assert (python.parent.parent / "complete").stat().st_mtime_ns == made
    assert own_python("# something else\n") != python


def test_the_same_package_gives_the_same_archive(tmp_path: Path) -> None:
    digests = set()
    for turn, mode in enumerate((0o600, 0o644)):
        folder = tmp_path / str(turn) / "teacher"
        (folder / "model").mkdir(parents=True)
        for name in ("model/weights", "README.md")[:: 1 if turn else -1]:
            (folder / name).write_text(name)
            (folder / name).chmod(mode)
            os.utime(folder / name, (turn, turn))
        archive = tmp_path / f"{turn}.tar"
        write_archive(folder, archive)
        digests.add(hashlib.sha256(archive.read_bytes()).hexdigest())
        with tarfile.open(archive) as packed:
            assert [entry.name for entry in packed] == [
                "teacher", "teacher/README.md", "teacher/model", "teacher/model/weights"
            ]  # fmt: skip
    assert len(digests) == 1


def test_what_is_attached_carries_gates_and_the_change_since_the_last_tag(sandbox: Sandbox) -> None:
    assert run("release", "v1.0.0").exit_code == 0
    sandbox.git("switch", "--quiet", "pr")
    refused = run("pack-release", "teacher@v1.0.0", "out")
    assert "is not checked out" in refused.stderr
    sandbox.dvc("checkout", "--quiet")
    assert run("release", "v1.1.0").exit_code == 0
    assert run("pack-release", "teacher@v1.1.0", "out").exit_code == 0
    notes = (sandbox.root / "out/notes.md").read_text()
    assert "- pass evaluate.test.accuracy" in notes
    assert "`finetune.skill`" in notes
    sums = (sandbox.root / "out/SHA256SUMS").read_text().split()
    assert sums == [
        hashlib.sha256((sandbox.root / "out/teacher-v1.1.0.tar").read_bytes()).hexdigest(),
        "teacher-v1.1.0.tar",
    ]
