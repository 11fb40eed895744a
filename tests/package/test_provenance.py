from pathlib import Path

import pytest

from teacherspec.files import read_json, sha256_file, write_text
from teacherspec.package.provenance import Provenance, code_digests, digest, without_place
from teacherspec.road.stages import CHOSEN_TASK, real_code
from tests.package.conftest import ROOT, Road

OWN_TASK = "teacherspec/tasks/text_classification.py"
PARTS = {
    "spec": {"task": {"kind": "a"}},
    "data": {"train": "1" * 64},
    "base": {"files": {"config.json": {"sha256": "2" * 64}}, "license": "mit"},
    "code": {"stages/a.py": "3" * 64},
    "libraries": {"torch": "2.13.0"},
}


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("spec", {"task": {"kind": "b"}}),
        ("data", {"train": "0" * 64}),
        ("base", {"files": {"config.json": {"sha256": "0" * 64}}, "license": "mit"}),
        ("code", {"stages/a.py": "0" * 64}),
    ],
)
def test_each_digest_follows_its_part_alone(part: str, changed: dict[str, object]) -> None:
    before, after = Provenance(**PARTS).digests(), Provenance(**{**PARTS, part: changed}).digests()
    assert {name for name in before if before[name] != after[name]} == {part}


def test_the_place_of_a_base_outside_the_repository_is_private(road: Road) -> None:
    outside = {"source": {"kind": "path", "folder": "/home/someone/base", "outside_repository": True}}
    assert without_place(outside)["source"]["folder"] == "base"
    inside = {"source": {"kind": "path", "folder": "bases/mine", "outside_repository": False}}
    assert without_place(inside) == inside
    assert read_json(road.teacher / "provenance/spec.json")["base"]["source"]["folder"] == "base"


def test_the_code_is_every_file_that_a_door_imports(tmp_path: Path) -> None:
    files = {
        "stages/a.py": "from teacherspec import one\n",
        "stages/b.py": "def work():\n    from teacherspec import two\n    import teacherspec.tasks.mine\n",
        "teacherspec/one.py": "import teacherspec.tasks.other\n",
        "teacherspec/two.py": "",
        "teacherspec/unused.py": "",
        "teacherspec/tasks/mine.py": 'kind: Literal["mine"]\n',
        "teacherspec/tasks/other.py": 'kind: Literal["other"]\n',
    }
    for name, text in files.items():
        write_text(tmp_path / name, text or "KEPT = 1\n")
    found = code_digests(tmp_path, "mine")
    assert set(found) == set(files) - {"teacherspec/unused.py", "teacherspec/tasks/other.py"}
    assert found["stages/a.py"] == sha256_file(tmp_path / "stages/a.py")


def test_the_real_code_is_all_there(road: Road) -> None:
    found = code_digests(ROOT, "text_classification")
    declared = {file.replace(CHOSEN_TASK, OWN_TASK) for file in real_code(ROOT, "stages/package.py")}
    assert set(found) == declared, "the stage `package` depends on every file that it digests"
    doors = {
        f"stages/{name}.py" for name in ("prepare", "base", "finetune", "evaluate", "calibrate", "package")
    }
    assert doors <= set(found)
    assert OWN_TASK in found
    assert not any(name.startswith(("tests/", "teacherspec/cli/")) for name in found)


def test_the_digests_in_the_package_follow_from_its_own_files(road: Road) -> None:
    folder = road.teacher / "provenance"
    written, metadata = read_json(folder / "digests.json"), read_json(road.teacher / "metadata.json")
    assert written["digests"] == metadata["digests"]
    assert metadata["digests"]["spec"] == digest(read_json(folder / "spec.json"))
    assert metadata["digests"]["base"] == digest(read_json(folder / "base.json")["files"])
    assert metadata["digests"]["code"] == digest(written["code"])
    assert written["data"] == {name: split["sha256"] for name, split in metadata["splits"].items()}
    assert written["libraries"]["torch"] in ("2.13.0", metadata["libraries"]["torch"])
