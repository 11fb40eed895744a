"""tests/unit mirrors the packages of the library, so that their tests are where a reader looks first."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY, UNIT = ROOT / "teacherspec", ROOT / "tests/unit"


def names(folder: Path) -> set[str]:
    """Folders and modules that lie in a folder, without tests, caches and private files."""
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    return {name for name in found if not name.startswith(("_", ".", "test_", "conftest"))}


def test_every_folder_of_unit_tests_is_a_package_of_the_library() -> None:
    assert names(UNIT) - names(LIBRARY) == set()


def test_every_package_has_unit_tests() -> None:
    packages = {name for name in names(LIBRARY) if (LIBRARY / name).is_dir()}
    tested = {name for name in names(UNIT) if list((UNIT / name).rglob("test_*.py"))}
    assert packages - tested == set()


def test_tests_lie_in_one_of_the_known_folders() -> None:
    assert names(ROOT / "tests") == {"benchmarks", "pipeline", "policy", "toys", "unit"}
