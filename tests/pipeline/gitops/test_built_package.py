"""What sdist and wheel hold: a wheel of the sdist is that of the checkout, with all that `init` copies."""

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from tests.pipeline.gitops.repository import ROOT

pytestmark = pytest.mark.slow

BUILD = "import setuptools.build_meta as backend, sys; print(getattr(backend, sys.argv[1])(sys.argv[2]))"


def built(source: Path, what: str, folder: Path) -> Path:
    """The distribution that the backend builds of the folder `source`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", BUILD, what, str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Wheel of the checkout, sdist, and wheel of the sdist."""
    pytest.importorskip("setuptools", minversion="77")
    place = tmp_path_factory.mktemp("built")
    checkout = place / "checkout"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    wheel = built(checkout, "build_wheel", place / "direct")
    sdist = built(checkout, "build_sdist", place / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (source,) = (place / "unpacked").iterdir()
    return wheel, sdist, built(source, "build_wheel", place / "again")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_of_the_sdist_is_that_of_the_checkout(distributions: tuple[Path, Path, Path]) -> None:
    direct, _, again = distributions
    assert contents(direct) == contents(again)


def test_the_wheel_has_the_library_and_all_that_init_copies(distributions: tuple[Path, Path, Path]) -> None:
    found = contents(distributions[0])
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listed.stdout.splitlines()
    code = {name for name in tracked if name.startswith("teacherspec/")}
    assert {name for name in code if name.endswith((".py", ".j2", ".css", ".js"))} <= found.keys()
    for name in (name for name in code if name.startswith("teacherspec/init/template/")):
        path = ROOT / name
        if path.is_file():
            assert found[name] == path.read_bytes(), name
        else:  # a link to a folder
            linked = path.resolve().relative_to(ROOT).as_posix()
            files = [file for file in tracked if file.startswith(f"{linked}/")]
            assert files, name
            for file in files:
                assert found[name + file.removeprefix(linked)] == (ROOT / file).read_bytes(), file
    assert not [name for name in found if name.startswith(("tests/", "docs/", "stages/", "benchmarks/"))]


def test_the_metadata_is_valid(distributions: tuple[Path, Path, Path]) -> None:
    found = contents(distributions[0])
    (name,) = (name for name in found if name.endswith(".dist-info/METADATA"))
    metadata = Metadata.from_email(found[name], validate=True)
    assert metadata.license_expression == "Apache-2.0"
    assert {"timm", "qlora", "gguf", "signing", "dvclive", "mlflow", "wandb"} <= set(
        metadata.provides_extra or ()
    )
    assert message_from_bytes(found[name])["Description-Content-Type"] == "text/markdown"
    (entry,) = (found[name] for name in found if name.endswith("entry_points.txt"))
    assert b"teacherspec = teacherspec.cli.main:main" in entry
    assert any(name.endswith("licenses/LICENSE") for name in found)
