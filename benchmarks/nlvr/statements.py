"""Plain statements about what is drawn on a picture of NLVR: of each sentence half are true.

NLVR asks for counting, colours and places at once, which thousands of rows do not teach a model that has
never seen anything. Each picture comes with a list of what is drawn on it; statements about that list, in the
words that people used, teach the eyes. Call it for pictures of the training files alone.
"""

import json
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.nlvr.scenes import COLOURS, ORDERS, Scene, scene_of

DRAWN = 60
"""Statements drawn of each scene, from which balanced ones are chosen."""
MOST_OF_ONE = 20
"""True and false statements in the same words at most, each."""
SIDE = 100
"""Pixels of a box, of which an item touches the edge at 0 and at its own size less."""
SHAPES = ("circle", "triangle", "square")
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven")

Draw = random.Random
Statement = tuple[str, bool]


def write_statements(scenes: Path, target: Path, rows: int, seed: int = 0) -> list[str]:
    """Write at most so many statements on the pictures of a file as JSON lines; return their texts.

    Of every sentence as many are true as are false: who does not look at the picture learns nothing.
    """
    draw = Draw(seed)
    with scenes.open(encoding="utf-8") as lines:
        found = [(scene["identifier"], scene_of(scene["structured_rep"])) for scene in map(json.loads, lines)]
    by_sentence: dict[str, dict[bool, list[str]]] = {}
    for _ in range(DRAWN):
        for name, boxes in found:
            sentence, holds = statement(boxes, draw)
            by_sentence.setdefault(sentence, {True: [], False: []})[holds].append(name)
    told = [
        {
            "picture": f"{name}-{draw.randrange(len(ORDERS))}",
            "sentence": sentence,
            "label": str(holds).lower(),
        }
        for sentence, pictures in by_sentence.items()
        for holds, names in pictures.items()
        for name in draw.sample(names, min(MOST_OF_ONE, *map(len, pictures.values())))
    ]
    told = draw.sample(told, min(rows, len(told)))
    with target.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps({"id": f"made-{at}", **row}) + "\n" for at, row in enumerate(told))
    return [row["sentence"] for row in told]


def write_true(statements: Path, scenes: Path, target: Path) -> None:
    """Write what is true of training pictures as JSON lines: made statements, and people's on every order."""
    lines = (path.read_text(encoding="utf-8").splitlines() for path in (statements, scenes))
    made, real = (map(json.loads, part) for part in lines)
    rows = [(row["picture"], row["sentence"]) for row in made if row["label"] == "true"]
    rows += [
        (f"{row['identifier']}-{order}", row["sentence"])
        for row in real
        if row["label"] == "true"
        for order in range(len(ORDERS))
    ]
    with target.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps({"picture": f"dev-{name}", "text": text}) + "\n" for name, text in rows)


def statement(boxes: Scene, draw: Draw) -> Statement:
    """A statement that fits what is drawn: blocks that make towers, or items that lie about."""
    stacked = all(
        item["type"] == "square" and item["x_loc"] == box[0]["x_loc"] for box in boxes for item in box
    )
    return draw.choice(OF_TOWERS if stacked else OF_ITEMS)(boxes, draw)


def _number(number: int, draw: Draw) -> str:
    return draw.choice([str(number), WORDS[number]]) if number else "no"


def _counted(found: int, draw: Draw, one: str, many: str) -> Statement:
    """There are so many of them, said in one of the ways people say it."""
    number = draw.choice([0, 1, 1, 1, 2, 2, 3])
    least = draw.random() < 0.5
    if number == 0:
        return f"There is no {one}", found == 0
    said = f"{_number(number, draw)} {one if number == 1 else many}"
    verb = "is" if number == 1 else "are"
    if number == 1 and draw.random() < 0.5:
        return f"There is a {one}", found > 0
    if least:
        return f"There {verb} at least {said}", found >= number
    return f"There {verb} exactly {said}", found == number


def _of_end(boxes: Scene, draw: Draw) -> Statement:
    colour, end = draw.choice(list(COLOURS.values())), draw.choice(["base", "top"])
    height = draw.choice([None, None, 2, 3])
    size = "" if height is None else f" with exactly {WORDS[height]} blocks"
    ends = [box[0 if end == "base" else -1] for box in boxes if height in (None, len(box))]
    found = sum(item["color"] == colour for item in ends)
    if draw.random() < 0.5:
        of = f"as the {end} of a tower{size}"
        return _counted(found, draw, f"{colour} block {of}", f"{colour} blocks {of}")
    of = f"{size} {'having' if size else 'with'} a {colour} block at the {end}"
    return _counted(found, draw, f"tower{of}", f"towers{of}")


def _of_order(boxes: Scene, draw: Draw) -> Statement:
    upper, lower = (draw.choice(list(COLOURS.values())) for _ in range(2))
    found = sum(
        any((low["color"], high["color"]) == (lower, upper) for low, high in pairwise(box)) for box in boxes
    )
    above = draw.choice(["above", "over", "on"])
    if draw.random() < 0.5:
        return draw.choice(
            [
                (f"There is a {upper} block {above} a {lower} block", found > 0),
                (f"There is no {upper} block {above} a {lower} block", found == 0),
            ]
        )
    of = f"with a {upper} block {above} a {lower} block"
    return _counted(found, draw, f"tower {of}", f"towers {of}")


def _of_height(boxes: Scene, draw: Draw) -> Statement:
    number = draw.randrange(1, 5)
    found = [len(box) for box in boxes].count(number)
    of = f"with {draw.choice(['', 'exactly ', 'only '])}{_number(number, draw)} block{'s' * (number > 1)}"
    return _counted(found, draw, f"tower {of}", f"towers {of}")


def _of_blocks(boxes: Scene, draw: Draw) -> Statement:
    """So many blocks of a colour, in one tower or in all."""
    colour, number = draw.choice(list(COLOURS.values())), draw.randrange(1, 5)
    counts = [[item["color"] for item in box].count(colour) for box in boxes]
    many = f"{_number(number, draw)} {colour} block{'s' * (number > 1)}"
    found = counts.count(number)
    return draw.choice(
        [
            (f"There {'is' if number == 1 else 'are'} {many}", sum(counts) == number),
            (f"There {'is' if number == 1 else 'are'} at least {many}", sum(counts) >= number),
            _counted(found, draw, f"tower with {many}", f"towers with {many}"),
            (f"All 3 towers have at least 1 {colour} block", min(counts) > 0),
            (f"There are 2 towers that contain {colour} blocks", sum(count > 0 for count in counts) == 2),
        ]
    )


def _of_one_colour(boxes: Scene, draw: Draw) -> Statement:
    colour, number = draw.choice(list(COLOURS.values())), draw.randrange(1, 5)
    plain = [len(box) for box in boxes if {item["color"] for item in box} == {colour}]
    return draw.choice(
        [
            (f"There is a {colour} tower", bool(plain)),
            (f"There is a tower with only {colour} blocks", bool(plain)),
            (
                f"There is a {colour} tower with {_number(number, draw)} block{'s' * (number > 1)}",
                number in plain,
            ),
            (
                "There is a tower with blocks of all 3 colors",
                any(len({item["color"] for item in box}) == len(COLOURS) for box in boxes),
            ),
        ]
    )


def _kind(draw: Draw) -> tuple[str, Callable[[Mapping[str, Any]], bool]]:
    """Words for some items, and which these are."""
    colour, shape = draw.choice(["", *COLOURS.values()]), draw.choice([*SHAPES, "item", "object"])
    if not colour and shape not in SHAPES:
        colour = draw.choice(list(COLOURS.values()))

    def among(item: Mapping[str, Any]) -> bool:
        return colour in ("", item["color"]) and (shape not in SHAPES or shape == item["type"])

    return " ".join(filter(None, (colour, shape))), among


def _of_kinds(boxes: Scene, draw: Draw) -> Statement:
    name, among = _kind(draw)
    return _counted(sum(among(item) for box in boxes for item in box), draw, name, f"{name}s")


def _of_edges(boxes: Scene, draw: Draw) -> Statement:
    name, among = _kind(draw)
    place, touches = draw.choice(list(EDGES.items()))
    touching = draw.random() < 0.75
    found = sum(among(item) and touches(item) is touching for box in boxes for item in box)
    of = f"{'' if touching else 'not '}touching {place}"
    return _counted(found, draw, f"{name} {of}", f"{name}s {of}")


def _of_boxes(boxes: Scene, draw: Draw) -> Statement:
    """So many boxes with so many items of a kind."""
    name, among = _kind(draw)
    if draw.random() < 0.4:
        name, among = draw.choice(["item", "object"]), lambda _: True
    number = draw.randrange(1, len(WORDS))
    counts = [sum(among(item) for item in box) for box in boxes]
    many = f"{draw.choice(['', 'exactly '])}{_number(number, draw)} {name}{'s' * (number > 1)}"
    return draw.choice(
        [
            _counted(counts.count(number), draw, f"box with {many}", f"boxes with {many}"),
            (f"One of the grey box has {many}", number in counts),
            (f"Each box has at least 1 {name}", min(counts) > 0),
            (f"There is a box with no {name}", 0 in counts),
        ]
    )


def _of_colours(boxes: Scene, draw: Draw) -> Statement:
    first, second = draw.sample(list(COLOURS.values()), 2)
    inside = [{item["color"] for item in box} for box in boxes]
    return draw.choice(
        [
            (f"There is a box with only {first} items", {first} in inside),
            (f"There is a box with only {first} and {second} items", {first, second} in inside),
            ("There is a box with items of only one color", any(len(one) == 1 for one in inside)),
            (f"There is a box with a {first} item on top", first in [box[-1]["color"] for box in boxes]),
            (
                f"There is a box with a {first} item and a {second} item",
                any({first, second} <= one for one in inside),
            ),
        ]
    )


def _ends(item: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Whether it touches the left or right wall, the top, the bottom."""
    far = SIDE - item["size"]
    return item["x_loc"] in (0, far), item["y_loc"] == 0, item["y_loc"] == far


EDGES: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "the edge": lambda item: any(_ends(item)),
    "the wall": lambda item: any(_ends(item)),
    "the bottom of a box": lambda item: _ends(item)[2],
    "the base": lambda item: _ends(item)[2],
}
Form = Callable[[Scene, Draw], Statement]
OF_TOWERS: tuple[Form, ...] = (_of_end, _of_end, _of_order, _of_height, _of_blocks, _of_one_colour)
OF_ITEMS: tuple[Form, ...] = (_of_kinds, _of_edges, _of_edges, _of_boxes, _of_colours)
