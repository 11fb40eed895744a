"""What stands beside a package: who built it, what it is made of, who signs it."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from teacherspec.package.provenance.attestation import BOM, STATEMENT, attest
from teacherspec.package.provenance.git_commit import public_url, read_revision
from teacherspec.package.provenance.sbom import bill_of_materials
from teacherspec.runtime.atomic_io import read_json, sha256_file
from tests.toys.packaged_teacher import PackagedTeacher
from tests.unit.package.test_run import digest

NOON = datetime(2026, 1, 2, 12, 0, 3, tzinfo=UTC)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Secret Person", "-c", "user.email=secret@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "params.yaml").write_text("a: 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "tag", "teacher@v1.0.0")
    git(folder, "remote", "add", "origin", "https://user:token123@example.org/owner/project.git")
    return folder


def test_the_statement_names_the_package_and_its_build(
    packaged_teacher: PackagedTeacher, repository: Path, tmp_path: Path
) -> None:
    before = digest(packaged_teacher.folder)
    attest(packaged_teacher.folder, tmp_path / "beside", root=repository, now=NOON)
    assert digest(packaged_teacher.folder) == before
    text = (tmp_path / "beside" / STATEMENT).read_text()
    statement = json.loads(text)
    assert statement["subject"][0]["digest"] == {
        "sha256": sha256_file(packaged_teacher.folder / "SHA256SUMS")
    }
    run = statement["predicate"]["runDetails"]
    assert run["metadata"]["finishedOn"] == "2026-01-02T12:00:03Z"
    definition = statement["predicate"]["buildDefinition"]
    assert definition["internalParameters"]["hardware"]["threads"] >= 1
    (source, *materials) = definition["resolvedDependencies"]
    revision = read_revision(repository)
    assert revision is not None
    assert source["digest"] == {"gitCommit": revision.commit}
    assert source["uri"] == f"git+https://example.org/owner/project@{revision.commit}"
    assert source["annotations"] == {"tags": ["teacher@v1.0.0"], "changed": False}
    names = {material["name"] for material in materials}
    assert {"data/train.parquet", "data/test.parquet"} <= names
    private = ("token123", "user:", "Secret", "secret@", str(tmp_path), "/home/", "/root")
    assert not [word for word in private if word in text]


def test_a_changed_tree_and_no_repository_are_told(
    packaged_teacher: PackagedTeacher, repository: Path, tmp_path: Path
) -> None:
    (repository / "params.yaml").write_text("a: 2\n")
    revision = read_revision(repository)
    assert revision is not None
    assert revision.changed
    (tmp_path / "bare").mkdir()
    assert read_revision(tmp_path / "bare") is None
    attest(packaged_teacher.folder, tmp_path / "beside", root=tmp_path / "bare")
    found = read_json(tmp_path / "beside" / STATEMENT)["predicate"]["buildDefinition"]
    assert "repository" not in {part["name"] for part in found["resolvedDependencies"]}


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://oauth2:secret@gitlab.com/a/b", "https://gitlab.com/a/b"),
        ("git@github.com:owner/name.git", "https://github.com/owner/name"),
        ("ssh://git@host.org:2222/owner/name", "https://host.org/owner/name"),
        ("/home/someone/project", None),
        ("file:///home/someone/project", None),
        ("../project", None),
        ("", None),
    ],
)
def test_only_what_is_public_of_a_remote_is_told(url: str, public: str | None) -> None:
    assert public_url(url) == public


def test_in_toto_reads_the_statement(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    reason = "needs its reader: run `make .venv/dev`"
    statements = pytest.importorskip("in_toto_attestation.v1.statement_pb2", reason=reason)
    provenance = pytest.importorskip(
        "in_toto_attestation.predicates.provenance.v1.provenance_pb2", reason=reason
    )
    from google.protobuf import json_format

    attest(packaged_teacher.folder, tmp_path, root=tmp_path, now=NOON)
    content = read_json(tmp_path / STATEMENT)
    statement = json_format.ParseDict(content, statements.Statement())
    assert statement.subject[0].digest["sha256"] == sha256_file(packaged_teacher.folder / "SHA256SUMS")
    predicate = json_format.ParseDict(content["predicate"], provenance.Provenance())
    assert predicate.run_details.metadata.finished_on.ToDatetime(UTC) == NOON
    with pytest.raises(json_format.ParseError):
        json_format.ParseDict({**content["predicate"], "surprise": 1}, provenance.Provenance())


def test_cyclonedx_reads_the_bill_of_materials(packaged_teacher: PackagedTeacher) -> None:
    validation = pytest.importorskip(
        "cyclonedx.validation.json",
        reason="needs its reader: run `make .venv/dev`",
    )
    from cyclonedx.schema import SchemaVersion

    validator = validation.JsonStrictValidator(SchemaVersion.V1_6)
    bom = bill_of_materials(packaged_teacher.folder)
    assert validator.validate_str(json.dumps(bom)) is None
    bom["components"][0]["surprise"] = 1
    assert validator.validate_str(json.dumps(bom)) is not None


def test_the_bill_lists_model_base_data_and_libraries(packaged_teacher: PackagedTeacher) -> None:
    bom = bill_of_materials(packaged_teacher.folder)
    model = bom["metadata"]["component"]
    assert model["hashes"][0]["content"] == sha256_file(packaged_teacher.folder / "SHA256SUMS")
    files = {part["name"]: part["hashes"][0]["content"] for part in model["components"]}
    weights = "model/model.safetensors"
    assert files[weights] == sha256_file(packaged_teacher.folder / weights)
    metrics = {
        entry["type"]: entry for entry in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    }
    stated = read_json(packaged_teacher.folder / "metadata.json")["test_accuracy"]
    assert metrics["evaluate.test.accuracy"]["value"] == str(stated["value"])
    assert metrics["evaluate.test.accuracy"]["confidenceInterval"]["lowerBound"] == str(stated["low"])
    kinds = [part["type"] for part in bom["components"]]
    assert kinds.count("machine-learning-model") == 1
    assert kinds.count("data") == 7
    assert "torch" in {part["name"] for part in bom["components"]}
    refs = [part["bom-ref"] for part in bom["components"]]
    assert sorted(bom["dependencies"][0]["dependsOn"]) == sorted(set(refs))


def test_the_build_leaves_it_beside_the_package(packaged_teacher: PackagedTeacher) -> None:
    beside = packaged_teacher.folder.with_name("attestation")
    (subject,) = read_json(beside / STATEMENT)["subject"]
    assert subject["digest"]["sha256"] == sha256_file(packaged_teacher.folder / "SHA256SUMS")
    assert read_json(beside / BOM) == bill_of_materials(packaged_teacher.folder)


def test_the_command_writes_both(
    packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(
        main, ["write-attestation", str(packaged_teacher.folder), "--builder", "https://ci.example/run/1"]
    )
    assert (done.exit_code, done.stderr) == (0, "")
    statement = read_json(Path("artifacts/attestation") / STATEMENT)
    assert statement["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example/run/1"
    assert (Path("artifacts/attestation") / BOM).is_file()
    nothing = CliRunner().invoke(main, ["write-attestation", str(tmp_path / "absent")])
    assert nothing.exit_code == 1
    assert "no teacher package" in nothing.stderr
