"""An edit makes exactly the stages stale that it can change: DVC's answer is the committed table's."""

import pytest

from teacherspec.road.stages import ROAD
from tests.policy.staleness_cases import ROLES, Asked, Mutation, expected, read_table


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(tmp_path_factory.mktemp("asked"))


def sample() -> list[Mutation]:
    """Every third row of those that are the first of their role and answer: each costs DVC a second."""
    found: dict[tuple[str, tuple[str, ...]], Mutation] = {}
    for row in read_table():
        found.setdefault((row.role, row.stages), row)
    return list(found.values())[::3]


def test_nothing_is_stale_before_an_edit(asked: Asked) -> None:
    assert asked.stale() == ()


def test_a_sample_of_edits_makes_stale_what_the_table_says(asked: Asked) -> None:
    rows = [row for row in sample() if row.role != "file" or (asked.root / row.name).exists()]
    assert {row.role for row in rows} == ROLES
    assert {row.name: asked.after(row) for row in rows} == {row.name: row.stages for row in rows}


def test_a_dropped_declaration_gives_another_answer(asked: Asked) -> None:
    """The negative control: the table would catch a param and a library that is declared no more."""
    road = asked.root / ROAD
    whole = road.read_text()
    rows = [row for row in read_table() if row.role == "param" and "calibrate" in row.stages][:1]
    rows += [row for row in read_table() if row.name == "maths/numpy"]
    head, stage, tail = whole.partition("\n  calibrate:\n")
    try:
        for row, line in zip(rows, ("calibrate", "dependency-groups.maths"), strict=True):
            kept = [text for text in tail.splitlines() if text.strip() != f"- {line}"]
            road.write_text(head + stage + "\n".join(kept) + "\n")
            assert "calibrate" in row.stages
            assert "calibrate" not in asked.after(row)
    finally:
        road.write_text(whole)


def test_a_dropped_link_gives_another_answer(asked: Asked) -> None:
    """The negative control of files: without its link an edit is not seen."""
    row = next(row for row in read_table() if row.stages == ("calibrate",) and row.role == "file")
    (link,) = (
        path for path in (asked.root / "code/calibrate").iterdir() if path.resolve() == asked.root / row.name
    )
    target = link.readlink()
    link.unlink()
    asked.commit()
    try:
        assert asked.after(row) == ()
    finally:
        link.symlink_to(target)
        asked.commit()
    assert asked.after(row) == ("calibrate",)


@pytest.mark.slow
def test_the_table_is_that_of_the_source() -> None:
    assert read_table() == expected(), "write it anew: python -m tests.policy.staleness_cases --write"


@pytest.mark.slow
def test_every_edit_makes_stale_what_the_table_says(asked: Asked) -> None:
    wrong = {row: found for row in read_table() if (found := asked.after(row)) != row.stages}
    assert wrong == {}
