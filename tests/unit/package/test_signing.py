"""Only the holder of the key can have made the package that `verify` accepts with a signature."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.package.provenance.signing import Signature
from teacherspec.package.verification.checksums import write_sums
from teacherspec.runtime.atomic_io import read_json, write_json
from tests.toys.packaged_teacher import PackagedTeacher

signed = pytest.mark.skipif(
    importlib.util.find_spec("model_signing") is None,
    reason="needs model-signing: run `make .venv/dev`",
)


def key_pair(place: Path, name: str) -> None:
    """`name.pem` and `name.pub`: an elliptic-curve key, as openssl writes it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / f"{name}.pem").write_bytes(private)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (place / f"{name}.pub").write_bytes(public)


@pytest.fixture
def place(packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(packaged_teacher.folder, "teacher")
    key_pair(tmp_path, "mine")
    key_pair(tmp_path, "other")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def check(folder: str = "teacher", key: str = "mine.pub") -> Result:
    return run("verify-package", folder, "--signature", "teacher.sig", "--public-key", key)


@signed
def test_a_signed_package_passes_wherever_it_lies(place: Path) -> None:
    done = run("sign", "teacher", "--private-key", "mine.pem")
    assert done.stdout.startswith("teacher.sig: signs teacher without a tag; an older package")
    assert not (place / "teacher/teacher.sig").exists()
    done = check()
    assert (done.exit_code, done.stderr) == (0, "")
    assert "signature    ok" in done.stdout
    (place / "teacher").rename(place / "moved")
    assert check("moved").exit_code == 0


@signed
def test_another_key_or_another_byte_is_refused_before_anything_loads(place: Path) -> None:
    run("sign", "teacher", "--private-key", "mine.pem")
    done = check(key="other.pub")
    assert done.exit_code == 1
    assert "signature: teacher.sig: signs other files, or with another key than other.pub" in done.stderr
    assert "golden       skipped" in done.stdout
    report = Path("teacher/eval/evaluate/metrics.json")
    numbers = read_json(report)
    numbers["test"]["matthews"] = 1.0  # of which no gate, card or row says anything
    write_json(report, numbers)
    write_sums(Path("teacher"))
    assert run("verify-package", "teacher").exit_code == 0, (
        "the checksums were written anew: only a signature tells"
    )
    assert check().exit_code == 1


@signed
def test_what_cannot_sign_is_refused(place: Path) -> None:
    assert "cannot sign with it" in run("sign", "teacher", "--private-key", "mine.pub").stderr
    inside = run("sign", "teacher", "--private-key", "mine.pem", "--signature", "teacher/model/s.sig")
    assert "is inside the package" in inside.stderr
    Path("teacher/extra.txt").write_text("x")
    assert "extra.txt: has no place" in run("sign", "teacher", "--private-key", "mine.pem").stderr
    assert not Path("teacher.sig").exists()


def test_signature_and_key_belong_together(packaged_teacher: PackagedTeacher, tmp_path: Path) -> None:
    (tmp_path / "teacher.sig").write_text("x")
    done = run("verify-package", str(packaged_teacher.folder), "--signature", str(tmp_path / "teacher.sig"))
    assert done.exit_code == 2
    assert "belong together" in done.stderr


@signed
def test_a_file_that_is_no_public_key_is_named_as_what_it_is(place: Path) -> None:
    """Otherwise a key mixed up reads like a package that somebody changed."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    run("sign", "teacher", "--private-key", "mine.pem")
    of_ssh = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    Path("ed25519.pub").write_bytes(of_ssh.public_bytes(*pem))
    for key, reason in (
        ("mine.pem", "is a private key; give the public one"),
        ("ed25519.pub", "is no elliptic-curve public key in PEM"),
        ("teacher.sig", "is no elliptic-curve public key in PEM"),
        ("other.pub", "signs other files, or with another key"),
    ):
        problems = Signature(Path("teacher.sig"), Path(key)).problems(Path("teacher"))
        assert [reason in problem for problem in problems] == [True], problems
    windows = Path("mine.pub").read_bytes().replace(b"\n", b"\r\n")
    Path("windows.pub").write_bytes(windows)
    assert Signature(Path("teacher.sig"), Path("windows.pub")).problems(Path("teacher")) == []


def test_without_the_library_it_says_what_to_install(
    packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    for name in ("key.pem", "teacher.sig"):
        (tmp_path / name).write_text("x")
    done = run("sign", str(packaged_teacher.folder), "--private-key", str(tmp_path / "key.pem"))
    assert done.exit_code == 1
    assert "pip install 'teacherspec[signing]'" in done.stderr
    options = ("--signature", str(tmp_path / "teacher.sig"), "--public-key", str(tmp_path / "key.pem"))
    unproven = run("verify-package", str(packaged_teacher.folder), *options)
    assert unproven.exit_code == 1
    assert "pip install 'teacherspec[signing]'" in unproven.stderr
