"""Statements on items that lie in boxes, in the words that people used on training pictures of NLVR."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.nlvr.counting import Draw, Phrase, both, counted, number_word, plural
from benchmarks.nlvr.scenes import COLOURS, Box

SIDE = 100
"""Pixels of a box."""
SMALL = 10
SHAPES = ("circle", "triangle", "square")
BOXES = 3
ITEMS = 5
"""The most items of a kind that are asked for."""
MOST_IN_BOX = 7

Item = Mapping[str, Any]
Boxes = Sequence[Box]
Template = Callable[[Draw], Phrase[Boxes]]


def about_items(draw: Draw) -> Phrase[Boxes]:
    """A statement, and of which boxes it is true."""
    form: Template = draw.choices(FORMS, WEIGHTS)[0]
    return form(draw)


def _left(item: Item) -> bool:
    return bool(item["x_loc"] <= 0)


def _right(item: Item) -> bool:
    return bool(item["x_loc"] >= SIDE - item["size"])


def _top(item: Item) -> bool:
    return bool(item["y_loc"] <= 0)


def _bottom(item: Item) -> bool:
    return bool(item["y_loc"] >= SIDE - item["size"])


def _edge(item: Item) -> bool:
    return _left(item) or _right(item) or _top(item) or _bottom(item)


def _corner(item: Item) -> bool:
    return (_left(item) or _right(item)) and (_top(item) or _bottom(item))


EDGES = ("the edge", "the edge", "an edge", "any edge", "the wall", "the wall", "the side")
PLACES: Sequence[tuple[Sequence[str], Callable[[Item], bool]]] = (
    (EDGES, _edge),
    (("the bottom of a box", "the base", "the bottom"), _bottom),
    (("the corner", "a corner", "a corner of a box", "a box corner"), _corner),
    (("right wall of a box",), _right),
    (("left wall of a box",), _left),
    (("the top of a box", "the top"), _top),
)
WEIGHTS_OF_PLACES = (7, 2, 1, 1, 1, 1)


def _kind(draw: Draw) -> Phrase[Item]:
    """A kind of items."""
    colour, shape = draw.choice(["", *COLOURS]), draw.choice([*SHAPES, "item", "object"])
    size = "small" if draw.random() < 0.1 else ""
    if not colour and shape not in SHAPES and draw.random() < 0.7:
        colour = draw.choice(COLOURS)

    def among(item: Item) -> bool:
        coloured, shaped = colour in ("", item["color"]), shape not in SHAPES or shape == item["type"]
        return coloured and shaped and (not size or item["size"] == SMALL)

    return " ".join(filter(None, (size, colour, shape))), among


def _touching(draw: Draw) -> Phrase[Item]:
    names, touches = draw.choices(PLACES, WEIGHTS_OF_PLACES)[0]
    if touches is _edge and draw.random() < 0.35:
        return f"not touching {draw.choice(names)}", lambda item: not touches(item)
    return f"{draw.choice(['', '', 'closely '])}touching {draw.choice(names)}", touches


def _anywhere(_: Draw) -> Phrase[Item]:
    return "", lambda item: True


def _placed(draw: Draw, anywhere: float) -> Phrase[Item]:
    """A kind of items, which may have to touch something."""
    (name, among), (words, fits) = _kind(draw), (_anywhere if draw.random() < anywhere else _touching)(draw)
    return both((f"{name}{{s}}", among), (words, fits), " " if words else "")


def _of_items(draw: Draw) -> Phrase[Boxes]:
    """So many items of a kind in all."""
    words, fits = _placed(draw, anywhere=0.2)

    def count(boxes: Boxes) -> int:
        return sum(fits(item) for box in boxes for item in box)

    return counted(count, ITEMS, words.format(s=""), words.format(s="s"), draw)


def _content(draw: Draw) -> Phrase[Box]:
    """So many items of a kind in a box."""
    name, among = _kind(draw)
    how, number = draw.random(), draw.choice([1, 1, 2, 2, 3])
    said = f"{number_word(number, draw)} {name}{plural(number)}"
    if how < 0.35:
        return f"a {name}", lambda box: any(map(among, box))
    if how < 0.45:
        return f"no {name}", lambda box: not any(map(among, box))
    if how < 0.6:
        return f"at least {said}", lambda box: sum(map(among, box)) >= number
    return f"{draw.choice(['', '', 'exactly ', 'only '])}{said}", lambda box: sum(map(among, box)) == number


def _number(draw: Draw) -> Phrase[Box]:
    number = draw.randrange(1, MOST_IN_BOX + 1)
    said = f"{number_word(number, draw)} {draw.choice(['item', 'object'])}{plural(number)}"
    return f"{draw.choice(['', '', 'exactly ', 'only '])}{said}", lambda box: len(box) == number


def _on_top(draw: Draw) -> Phrase[Box]:
    name, among = _kind(draw)
    return f"{draw.choice(['a', 'a', 'one'])} {name} on top", lambda box: bool(box) and among(box[-1])


def _colours(draw: Draw) -> Phrase[Box]:
    first, second = draw.sample(COLOURS, 2)
    number = draw.randrange(1, len(COLOURS) + 1)
    of = ("only one color", "2 different colors", "all 3 different colors")[number - 1]
    phrases: list[tuple[str, Callable[[set[str]], bool]]] = [
        (f"only {first} items", lambda inside: inside == {first}),
        (f"only {first} and {second} items", lambda inside: inside == {first, second}),
        (f"items of only {first} and {second} color", lambda inside: inside == {first, second}),
        (f"items of {of}", lambda inside: len(inside) == number),
        (f"items of {of}", lambda inside: len(inside) == number),
        ("all 3 colors", lambda inside: len(inside) == len(COLOURS)),
    ]
    words, holds = draw.choice(phrases)
    return words, lambda box: holds({item["color"] for item in box})


def _touched(draw: Draw) -> Phrase[Box]:
    words, fits = _placed(draw, anywhere=0.0)
    return f"a {words.format(s='')}", lambda box: any(map(fits, box))


def _of_boxes(draw: Draw) -> Phrase[Boxes]:
    """So many boxes with this and that."""
    words, fits = draw.choice([_content, _content, _number, _on_top, _colours, _touched])(draw)
    if draw.random() < 0.4:
        words, fits = both((words, fits), draw.choice([_content, _content, _on_top, _colours])(draw), " and ")

    def count(boxes: Boxes) -> int:
        return sum(map(fits, boxes))

    return counted(count, BOXES, f"box with {words}", f"boxes with {words}", draw)


def _of_each(draw: Draw) -> Phrase[Boxes]:
    words, fits = _placed(draw, anywhere=0.5)
    every = draw.choice(["Each box", "Each grey box", "Every box"])
    least = draw.choice(["at least 1", "at least one", "atleast one", "a"])
    said = f"{every} {draw.choice(['has', 'contains'])} {least} {words.format(s='')}"
    return said, lambda boxes: all(any(map(fits, box)) for box in boxes)


def _of_one(draw: Draw) -> Phrase[Boxes]:
    words, fits = draw.choice([_number, _number, _content])(draw)
    who = draw.choice(["one of the grey box", "one of the grey square", "one box", "one of the boxes"])
    return f"{who} {draw.choice(['has', 'contains'])} {words}", lambda boxes: any(map(fits, boxes))


def _of_all(draw: Draw) -> Phrase[Boxes]:
    """All or none of the items of a kind touch something."""
    (name, among), (words, fits) = _kind(draw), _touching(draw)

    def held(boxes: Boxes) -> list[bool]:
        return [fits(item) for box in boxes for item in box if among(item)]

    if draw.random() < 0.5:
        return f"none of the {name}s are {words}", lambda boxes: not any(held(boxes))
    return f"{draw.choice(['all ', 'all the ', ''])}{name}s are {words}", lambda boxes: all(held(boxes))


def _together(draw: Draw) -> Phrase[Boxes]:
    name, among = _kind(draw)
    words = f"all {name}s are in {draw.choice(['the same box', 'one box'])}"
    return words, lambda boxes: sum(any(map(among, box)) for box in boxes) <= 1


def _of_colours(draw: Draw) -> Phrase[Boxes]:
    """So many colours touch something."""
    number, edge = draw.randrange(1, len(COLOURS) + 1), draw.choice(["the wall", "the edge"])
    who = f"there is only {number_word(number, draw)} color{plural(number)}"
    if number == len(COLOURS):
        who = "all 3 different colors are"

    def touching(boxes: Boxes) -> int:
        return len({item["color"] for box in boxes for item in box if _edge(item)})

    return f"{who} touching {edge}", lambda boxes: touching(boxes) == number


FORMS = (_of_items, _of_boxes, _of_each, _of_one, _of_all, _together, _of_colours)
WEIGHTS = (45, 40, 3, 3, 3, 3, 3)
