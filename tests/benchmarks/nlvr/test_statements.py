"""What is said of pictures of NLVR to teach eyes is true of them, as people judged it."""

import re

import pytest
import torch

from benchmarks.nlvr.counting import Draw
from benchmarks.nlvr.items import about_items
from benchmarks.nlvr.lessons import School, balance
from benchmarks.nlvr.scenes import COLOURS, RECOLOURINGS, Scene, read_rows, reworded, scenes_of
from benchmarks.nlvr.towers import about_towers
from tests.unit.prepare.toy_data import SHARED

NLVR = SHARED / "imagetext/nlvr"
needs_nlvr = pytest.mark.skipif(not NLVR.is_dir(), reason=f"{NLVR} is not here")
DRAWN = 60_000


def plainly(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.lower()))


def block(colour: str, height: int) -> dict[str, object]:
    return {"type": "square", "color": colour, "size": 20, "x_loc": 40, "y_loc": 80 - 21 * height}


def scene(*towers: list[str]) -> list[Scene]:
    boxes = [[block(colour, height) for height, colour in enumerate(tower)] for tower in towers]
    return scenes_of([{"identifier": "1-0", "structured_rep": boxes}])


@needs_nlvr
def test_people_who_said_the_same_agree() -> None:
    draw = Draw(0)
    of_towers = {plainly(words): holds for words, holds in (about_towers(draw) for _ in range(DRAWN))}
    of_items = {plainly(words): holds for words, holds in (about_items(draw) for _ in range(DRAWN))}
    agreed = []
    for row in read_rows(NLVR / "dev.json"):
        [first, *_] = scenes_of([row])
        said, seen = (of_towers, first.towers) if first.towers else (of_items, first.boxes)
        if holds := said.get(plainly(row["sentence"])):
            agreed.append(holds(seen) == (row["label"] == "true"))
    assert len(agreed) > 400
    assert sum(agreed) / len(agreed) > 0.98


def test_a_recoloured_scene_keeps_its_truths() -> None:
    """Exchanging colours in the words and in the picture changes nothing."""
    scenes, draw = scene(["Yellow", "Black", "#0099ff"], ["Black"], ["#0099ff", "#0099ff"]), Draw(0)
    held = {plainly(words): holds for words, holds in (about_towers(draw) for _ in range(20_000))}
    first, compared = scenes[0].towers, 0
    for other, colours in zip(scenes, RECOLOURINGS, strict=True):
        for words, holds in held.items():
            if same := held.get(plainly(reworded(words, colours))):
                compared += 1
                assert same(other.towers) == holds(first), words
    assert compared > 10_000


def test_of_every_statement_some_pictures_are_true_and_some_false() -> None:
    school = School(scene(["Yellow"], ["Black"]) + scene(["Black", "#0099ff"], ["Black"]), seed=0)
    lesson = school.lesson(pictures=12, statements=50)
    assert (len(lesson.statements), len(lesson.pictures)) == (50, 12)
    assert all(0 < sum(of) < 12 for of in lesson.truths)


def test_rows_say_each_statement_once_truly_and_once_falsely() -> None:
    scenes = (scene(["Yellow"], ["Black"]) + scene(["Black", "#0099ff"], ["Black"])) * 10
    rows = School(scenes, seed=0).rows(40)
    assert [row["label"] for row in rows] == ["false", "true"] * 20
    assert all(one["sentence"] == two["sentence"] for one, two in zip(rows[::2], rows[1::2], strict=True))


def test_true_and_false_pictures_count_the_same() -> None:
    truths = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 0]])
    weights = balance(truths)
    assert torch.allclose((weights * truths).sum(dim=1), (weights * (1 - truths)).sum(dim=1))
    assert torch.allclose(weights.mean(), torch.tensor(1.0))


def test_every_exchange_of_colours_is_another() -> None:
    assert len({tuple(one[colour] for colour in COLOURS) for one in RECOLOURINGS}) == len(RECOLOURINGS) == 6
    assert reworded("A Yellow block on a blackish one", RECOLOURINGS[0]) == "A yellow block on a blackish one"
