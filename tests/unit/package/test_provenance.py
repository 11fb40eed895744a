import pytest

from teacherspec.package.provenance.provenance import (
    Provenance,
    digest,
    without_folder_path,
    without_folder_paths,
)
from teacherspec.runtime.atomic_io import read_json, sha256_file
from tests.toys.packaged_teacher import PackagedTeacher

PARTS = {
    "spec": {"task": {"kind": "a"}},
    "data": {"train": "1" * 64},
    "base": {"files": {"config.json": {"sha256": "2" * 64}}, "license": "mit"},
    "predictions": {"test": "3" * 64},
    "libraries": {"torch": "2.13.0"},
}


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("spec", {"task": {"kind": "b"}}),
        ("data", {"train": "0" * 64}),
        ("base", {"files": {"config.json": {"sha256": "0" * 64}}, "license": "mit"}),
        ("predictions", {"test": "0" * 64}),
    ],
)
def test_each_digest_follows_its_part_alone(part: str, changed: dict[str, object]) -> None:
    before, after = Provenance(**PARTS).digests(), Provenance(**{**PARTS, part: changed}).digests()
    assert {name for name in before if before[name] != after[name]} == {part}


def test_the_place_of_a_base_outside_the_repository_is_private(packaged_teacher: PackagedTeacher) -> None:
    outside = {"source": {"kind": "path", "folder": "/home/someone/base", "outside_repository": True}}
    assert without_folder_path(outside)["source"]["folder"] == "base"
    inside = {"source": {"kind": "path", "folder": "bases/mine", "outside_repository": False}}
    assert without_folder_path(inside) == inside
    several = {"base": {"candidates": [{"name": "a", **outside}, {"name": "b", **inside}], "choice": {}}}
    shown = without_folder_paths(several)["base"]
    assert [one["source"]["folder"] for one in shown["candidates"]] == ["base", inside["source"]["folder"]]
    assert shown["choice"] == {}
    assert read_json(packaged_teacher.folder / "provenance/spec.json")["base"]["source"]["folder"] == "base"


def test_the_digests_in_the_package_follow_from_its_own_files(packaged_teacher: PackagedTeacher) -> None:
    folder = packaged_teacher.folder / "provenance"
    written, metadata = (
        read_json(folder / "digests.json"),
        read_json(packaged_teacher.folder / "metadata.json"),
    )
    assert written["digests"] == metadata["digests"]
    assert metadata["digests"]["spec"] == digest(read_json(folder / "spec.json"))
    assert metadata["digests"]["base"] == digest(read_json(folder / "base.json")["files"])
    assert metadata["digests"]["predictions"] == digest(written["predictions"])
    stored = packaged_teacher.stages.evaluated / "predictions"
    assert written["predictions"] == {path.stem: sha256_file(path) for path in stored.glob("*.parquet")}
    assert written["data"] == {name: split["sha256"] for name, split in metadata["splits"].items()}
    assert written["libraries"]["torch"] in ("2.13.0", metadata["libraries"]["torch"])
