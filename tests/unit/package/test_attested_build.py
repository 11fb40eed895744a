"""An attestation is verified: of this package, and of the repository, commit and tag that are expected."""

import importlib.util
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.cli.verify_package import UNTAGGED
from teacherspec.package.provenance.attestation import STATEMENT, attest
from teacherspec.package.provenance.attested_build import STATEMENT_BYTES, AttestedBuild
from teacherspec.package.provenance.git_commit import read_revision
from teacherspec.package.verification import verify
from teacherspec.package.verification.checksums import write_sums
from teacherspec.runtime.atomic_io import read_json, write_json
from tests.toys.packaged_teacher import PackagedTeacher
from tests.unit.package.test_attestation import git, repository  # noqa: F401
from tests.unit.package.test_signing import key_pair

URL, TAG = "https://example.org/owner/project", "teacher@v1.0.0"
signed = pytest.mark.skipif(
    importlib.util.find_spec("model_signing") is None, reason="needs model-signing: run `make .venv/dev`"
)


@pytest.fixture
def written(packaged_teacher: PackagedTeacher, repository: Path, tmp_path: Path) -> Path:  # noqa: F811
    """A statement of the package under the tag."""
    attest(packaged_teacher.folder, tmp_path / "attestation", root=repository)
    return tmp_path / "attestation" / STATEMENT


def change(statement: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    content = read_json(statement)
    edit(content)
    write_json(statement, content)


def source(content: Mapping[str, Any]) -> dict[str, Any]:
    (part, *_) = content["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert isinstance(part, dict)
    return part


def test_what_is_expected_passes(
    packaged_teacher: PackagedTeacher,
    written: Path,
    repository: Path,  # noqa: F811
) -> None:
    revision = read_revision(repository)
    assert revision is not None
    build = AttestedBuild(written, URL, revision.commit, TAG)
    assert build.problems(packaged_teacher.folder) == []
    assert build.summary() == f"names {URL}@{revision.commit}, {TAG}; not signed: anybody can have written it"
    assert AttestedBuild(written).problems(packaged_teacher.folder) == []


def test_each_difference_is_a_line(packaged_teacher: PackagedTeacher, written: Path) -> None:
    other = AttestedBuild(written, "https://example.org/owner/fork", "0" * 40, "teacher@v2.0.0")
    found = other.problems(packaged_teacher.folder)
    assert [re.sub("[0-9a-f]{40}", "HASH", line.removeprefix(f"{written}: ")) for line in found] == [
        f"repository is {URL}, expected https://example.org/owner/fork",
        "commit is HASH, expected HASH",
        f"tag is {TAG}, expected teacher@v2.0.0",
    ]


def test_another_package_is_a_difference_whatever_is_expected(
    packaged_teacher: PackagedTeacher, written: Path, tmp_path: Path
) -> None:
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    metadata = read_json(teacher / "metadata.json")
    write_json(teacher / "metadata.json", {**metadata, "name": "renamed"})
    write_sums(teacher)
    for build in (AttestedBuild(written), AttestedBuild(written, tag=TAG)):
        name, digest = build.problems(teacher)
        assert f"subject is {metadata['name']}/SHA256SUMS, the package renamed/SHA256SUMS" in name
        assert "of another package: sha256 of SHA256SUMS is" in digest


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda content: content.update(subject=[]), "names 0 subjects; a package is one"),
        (lambda content: content["subject"].append(content["subject"][0]), "names 2 subjects"),
        (lambda content: content["subject"][0].update(digest={"md5": "0"}), "is missing there"),
        (lambda content: source(content).update(name="base"), "names no commit"),
        (lambda content: source(content).pop("uri"), f"repository is none, expected {URL}"),
        (lambda content: source(content).update(uri=f"git+{URL}@{'0' * 40}"), "contradicts itself"),
        (lambda content: source(content)["annotations"].update(tags=[]), f"tag is none, expected {TAG}"),
        (lambda content: source(content)["annotations"].update(changed=True), "tracked files differed"),
        (lambda content: source(content).pop("annotations"), "tracked files differed"),
        (lambda content: content.update(predicateType="x"), "predicateType: is x, not https://slsa.dev"),
        (lambda content: content.update(_type="x"), "_type: is x, not https://in-toto.io"),
        (lambda content: content.pop("predicate"), "predicate: Field required"),
        (lambda content: content.update(subject="all"), "subject: Input should be"),
    ],
)
def test_no_statement_passes_empty_or_half(
    packaged_teacher: PackagedTeacher,
    written: Path,
    edit: Callable[[dict[str, Any]], None],
    problem: str,
) -> None:
    change(written, edit)
    found = AttestedBuild(written, URL, tag=TAG).problems(packaged_teacher.folder)
    assert problem in "\n".join(found)
    assert all(line.startswith(f"{written}: ") for line in found)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b'{"payload": ""}', b"[1]", b"null"])
def test_what_is_no_statement_is_a_problem(
    packaged_teacher: PackagedTeacher, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert "no statement of" in AttestedBuild(tmp_path / "file").problems(packaged_teacher.folder)[0]


def test_a_huge_file_is_not_read(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(STATEMENT_BYTES + 1)
    (problem,) = AttestedBuild(tmp_path / "file").problems(packaged_teacher.folder)
    assert "larger than 16 MiB" in problem


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the checks of the contents, which other tests run."""
    monkeypatch.setattr(verify, "_bounded", lambda *_: iter(()))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_fails_for_another_tag_before_anything_loads(
    packaged_teacher: PackagedTeacher, written: Path
) -> None:
    options = ("--attestation", written, "--expect-repo", "git@example.org:owner/project.git")
    done = run("verify-package", packaged_teacher.folder, *options, "--expect-tag", "teacher@v2.0.0")
    assert done.exit_code == 1
    assert f"attestation: {written}: tag is {TAG}, expected teacher@v2.0.0" in done.stderr
    assert "repository is" not in done.stderr, "another way to write the same address"
    assert re.search("attestation +FAILED\nmetadata +skipped", done.stdout)


@pytest.mark.usefixtures("light")
def test_the_command_says_what_was_attested_and_what_was_not(
    packaged_teacher: PackagedTeacher, written: Path
) -> None:
    options = ("--attestation", written, "--expect-repo", URL, "--expect-tag", TAG)
    done = run("verify-package", packaged_teacher.folder, *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert re.search(f"attestation +ok .names {URL}@[0-9a-f]+, {TAG}; not signed: anybody", done.stdout)
    assert UNTAGGED in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--expect-tag", TAG), "give its file too"),
        (("--expect-repo", URL), "give its file too"),
        (("--expect-commit", "0" * 40), "give its file too"),
        (("--attestation", "STATEMENT", "--expect-repo", "../project"), "is no https://host/owner/name"),
        (("--attestation", "STATEMENT", "--expect-commit", "0a1b"), "is no full hash"),
        (("--attestation", "STATEMENT", "--attestation-signature", "STATEMENT"), "belong together"),
        (("--public-key", "STATEMENT"), "belong together"),
    ],
)
def test_an_expectation_of_nothing_is_wrong_usage(
    packaged_teacher: PackagedTeacher, written: Path, options: tuple[str, ...], message: str
) -> None:
    given = [str(written) if option == "STATEMENT" else option for option in options]
    done = run("verify-package", packaged_teacher.folder, *given)
    assert done.exit_code == 2
    assert message in done.stderr


@signed
@pytest.mark.usefixtures("light")
def test_an_old_signed_package_under_a_new_tag_is_noticed(
    packaged_teacher: PackagedTeacher, written: Path, tmp_path: Path
) -> None:
    key_pair(tmp_path, "mine")
    teacher = Path(shutil.copytree(packaged_teacher.folder, tmp_path / "teacher"))
    key, public = tmp_path / "mine.pem", tmp_path / "mine.pub"
    done = run("sign", teacher, "--private-key", key, "--attestation", written)
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{STATEMENT}.sig: signs {teacher} as {TAG}" in done.stdout

    package_only = ("--signature", tmp_path / "teacher.sig", "--public-key", public)
    accepted = run("verify-package", teacher, *package_only)
    assert accepted.exit_code == 0, "no version is in a package"
    assert UNTAGGED in accepted.stdout

    signature = ("--attestation-signature", f"{written}.sig", "--public-key", public)
    attested = ("--attestation", written, *signature, "--expect-tag")
    right = run("verify-package", teacher, *attested, TAG)
    assert (right.exit_code, right.stderr) == (0, "")
    assert f"{TAG}; signed)" in right.stdout
    assert "not checked" not in right.stdout
    assert UNTAGGED in run("verify-package", teacher, *attested[:-1]).stdout
    assert f"tag is {TAG}, expected teacher@v2.0.0" in (
        run("verify-package", teacher, *attested, "teacher@v2.0.0").stderr
    )

    key_pair(tmp_path, "other")
    stranger = run("verify-package", teacher, *attested[:4], "--public-key", tmp_path / "other.pub")
    assert stranger.exit_code == 1
    assert "with another key" in stranger.stderr
    change(written, lambda content: source(content)["annotations"].update(tags=["teacher@v2.0.0"]))
    unsigned = run("verify-package", teacher, "--attestation", written, "--expect-tag", "teacher@v2.0.0")
    assert unsigned.exit_code == 0, "the control: only the signature shows that it was rewritten"
    assert UNTAGGED in unsigned.stdout
    forged = run("verify-package", teacher, *attested, "teacher@v2.0.0")
    assert forged.exit_code == 1
    assert "signs other files, or with another key" in forged.stderr


@signed
def test_nothing_is_signed_with_a_statement_of_another_package(
    packaged_teacher: PackagedTeacher, written: Path, tmp_path: Path
) -> None:
    key_pair(tmp_path, "mine")
    change(written, lambda content: content["subject"][0]["digest"].update(sha256="0" * 64))
    options = ("--private-key", tmp_path / "mine.pem", "--signature", tmp_path / "teacher.sig")
    done = run("sign", packaged_teacher.folder, *options, "--attestation", written)
    assert done.exit_code == 1
    assert "of another package" in done.stderr
    assert not [*tmp_path.rglob("*.sig")]


@signed
def test_a_statement_without_a_tag_is_signed_with_a_warning(
    packaged_teacher: PackagedTeacher, written: Path, tmp_path: Path
) -> None:
    key_pair(tmp_path, "mine")
    change(written, lambda content: source(content)["annotations"].update(tags=[]))
    options = ("--private-key", tmp_path / "mine.pem", "--signature", tmp_path / "teacher.sig")
    done = run("sign", packaged_teacher.folder, *options, "--attestation", written)
    assert "without a tag; an older package of yours passes in its place" in done.stdout
