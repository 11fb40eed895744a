"""A comparison states when the teacher starts from another base, and how it was chosen."""

from typing import Any

import pytest

from teacherspec.compare.base_change import CANDIDATES, MANIFEST, base_change

WHEEL = {"kind": "wheel", "project": "encoder", "version": "0.1.0", "sha256": "a" * 64, "folder": "e/model"}
ONE = {"source": WHEEL, "digest": "1", "pooling": "mean", "init": "pretrained", "license": "mit"}
THREE = {**ONE, "digest": "3", "layers": 3}
DECIDED = {
    "chosen": "small",
    "possibly_best": ["small"],
    "ranked_by": "logme",
    "each": {"small": 1, "large": 2},
}


class Side:
    """What a revision holds."""

    def __init__(self, manifest: dict[str, Any], candidates: dict[str, Any]) -> None:
        self.files = {MANIFEST: manifest, CANDIDATES: candidates}

    def mapping(self, path: str) -> dict[str, Any]:
        return self.files[path]


def changed(before: dict[str, Any], after: dict[str, Any], candidates: dict[str, Any]) -> Any:
    return base_change(Side(before, {}), Side(after, candidates))  # type: ignore[arg-type]


def test_another_base_is_named_with_its_layers_and_the_choice() -> None:
    found = changed(ONE, THREE, DECIDED)
    assert found.before == "encoder 0.1.0 e/model"
    assert found.after == "encoder 0.1.0 e/model first 3 layers"
    assert found.choice == "small of 2 candidates by logme"


@pytest.mark.parametrize(
    ("best", "says"),
    [
        (["large", "small"], "small of 2 candidates by logme, undecided between large, small"),
        (["large"], "small of 2 candidates by logme, where large is first"),
    ],
)
def test_a_choice_that_the_ranking_did_not_make_is_stated(best: list[str], says: str) -> None:
    assert changed(ONE, THREE, {**DECIDED, "possibly_best": best}).choice == says


def test_the_same_files_read_the_same_way_are_no_change() -> None:
    """Also where the licence is declared anew, or candidates were added and lost."""
    assert changed(ONE, {**ONE, "license": "apache-2.0"}, DECIDED) is None
    assert changed({}, {}, {}) is None
    assert changed({"source": WHEEL, "digest": "1"}, ONE, {}) is None, "written by an older version"
    assert changed(ONE, {**ONE, "pooling": "first"}, {}) is not None


@pytest.mark.parametrize(
    ("after", "candidates"),
    [({}, {}), ({"source": "x", "digest": 5}, {"chosen": 3}), (THREE, {"chosen": "a", "possibly_best": 5})],
)
def test_a_file_of_another_form_stops_no_comparison(
    after: dict[str, Any], candidates: dict[str, Any]
) -> None:
    assert changed(ONE, after, candidates).choice is None
