"""What a stage of a teacher of an installed kind depends on: its code, and what that stands on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.init.pipeline import versions
from teacherspec.init.requirements import library
from teacherspec.run_records.library_versions import plugin_versions, refuse_other_library
from teacherspec.run_records.plugin_code import plugin_code
from teacherspec.tasks.plugins import offered_kinds
from tests.toys.plugin_packages import write_package

CODE = "from teacherspec.tasks.text_classification.task import TextClassification\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with a package, which is never imported, so its code may be anything."""
    monkeypatch.syspath_prepend(tmp_path / "lib")
    write_package(tmp_path / "lib", "acme-a", "ticket = acme_a.inner.task:Ticket", CODE, requires="x==1")
    write_package(tmp_path / "lib", "acme-b", "parcel = acme_b:Parcel", "import torch\n")
    offered_kinds.cache_clear()
    yield tmp_path
    offered_kinds.cache_clear()


def digest(kind: str = "ticket") -> str:
    offered_kinds.cache_clear()
    return plugin_versions([kind])[kind][1]


def test_an_edit_of_any_file_of_the_package_counts(place: Path) -> None:
    before, other = digest(), digest("parcel")
    (place / "lib/acme_a/labels.txt").write_text("a\n")
    assert digest() != before
    assert digest("parcel") == other


def test_compiled_files_and_another_package_do_not_count(place: Path) -> None:
    before = digest()
    (place / "lib/acme_a/__pycache__").mkdir()
    (place / "lib/acme_a/__pycache__/x.pyc").write_bytes(b"1")
    (place / "lib/acme_b/__init__.py").write_text("# another\n")
    assert digest() == before


def test_a_package_of_another_kind_counts_where_it_is_imported(place: Path) -> None:
    (place / "lib/acme_a/__init__.py").write_text("from acme_b import Parcel\n")
    before = digest()
    (place / "lib/acme_b/__init__.py").write_text("# another\n")
    assert digest() != before


def test_the_built_in_kind_it_derives_from_and_what_it_requires_count(place: Path) -> None:
    code = plugin_code("ticket")
    assert code is not None
    assert code.built_in == ("text_classification",)
    one, other = ({"text_classification": text, "clip": "1"} for text in ("1", "2"))
    assert code.digest(one) != code.digest(other)
    assert code.digest(one) == code.digest({**one, "clip": "2"})
    metadata = place / "lib/acme_a-1.0.dist-info/METADATA"
    before = digest()
    metadata.write_text(metadata.read_text().replace("x==1", "x==2"))
    assert digest() != before


def test_a_version_alone_runs_nothing_again(place: Path) -> None:
    before = digest()
    metadata = place / "lib/acme_a-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    assert digest() == before
    assert plugin_versions(["ticket"])["ticket"][0] == "acme-a 1.1"


def test_a_kind_without_module_is_refused_by_name(place: Path) -> None:
    (place / "lib/acme_a/__init__.py").unlink()
    (place / "lib/acme_a").rmdir()
    with pytest.raises(
        UserError, match=r"kind ticket of acme-a 1\.0: there is no module acme_a\.inner\.task"
    ):
        digest()


def declare(root: Path, kinds: tuple[str, ...]) -> None:
    (root / "versions.yaml").write_text(versions(kinds))
    (root / "params.yaml").write_text("task: {kind: ticket}\n")


def test_what_is_stated_runs(place: Path) -> None:
    declare(place, ("ticket", "text_classification"))
    text = (place / "versions.yaml").read_text()
    assert f'\n  ticket: "{digest()}"\nplugins:' in text
    assert '\n  ticket: "acme-a 1.0"\n' in text
    assert "acme-b" not in text
    refuse_other_library(place)
    refuse_other_library(place, "finetune")


def test_a_repository_without_such_kinds_states_none(place: Path) -> None:
    assert versions(("text_classification",)) == versions()
    assert "plugins" not in versions()


def test_a_kind_that_is_declared_and_not_stated_is_refused(place: Path) -> None:
    declare(place, ())
    with pytest.raises(UserError, match=r"kind ticket of acme-a 1\.0 is not stated.*init --upgrade"):
        refuse_other_library(place, "check")


def test_another_code_of_a_stated_kind_is_refused(place: Path) -> None:
    declare(place, ("ticket",))
    (place / "lib/acme_a/__init__.py").write_text("# another\n")
    with pytest.raises(
        UserError, match=r"code of kind ticket is another one \(acme-a 1\.0 is stated, acme-a"
    ):
        refuse_other_library(place)


def test_a_stated_package_that_is_not_installed_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(place, ("ticket",))
    (place / "lib").rename(place / "elsewhere")
    offered_kinds.cache_clear()
    with pytest.raises(UserError, match=r"kind ticket of acme-a 1\.0 is not installed.*requirements\.txt"):
        refuse_other_library(place)


def test_a_package_is_required_as_it_was_installed() -> None:
    assert library((), "1.0", {}, "acme-a") == "acme-a==1.0"
    origin = {"url": "https://example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "b" * 40}}
    assert library((), "1.0", origin, "acme-a") == f"acme-a @ git+https://example.org/a.git@{'b' * 40}"
