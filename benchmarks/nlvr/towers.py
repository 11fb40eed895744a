"""Statements on towers of blocks, in the words that people used on training pictures of NLVR."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from benchmarks.nlvr.counting import Draw, Phrase, both, counted, number_word, plural
from benchmarks.nlvr.scenes import COLOURS, Tower

TALLEST = 4
TOWERS = 3
BLOCKS = 9
"""The most blocks of a colour that are asked for."""

Towers = Sequence[Tower]
Template = Callable[[Draw], Phrase[Towers]]


def about_towers(draw: Draw) -> Phrase[Towers]:
    """A statement, and of which towers it is true."""
    form: Template = draw.choices(FORMS, WEIGHTS)[0]
    return form(draw)


def _so_many(fits: Callable[[Tower], bool]) -> Callable[[Towers], int]:
    return lambda towers: sum(map(fits, towers))


def _of_towers(draw: Draw) -> Phrase[Towers]:
    """So many towers with this and that."""
    if draw.random() < 0.15:
        return _of_named(draw)
    words, fits = draw.choice([_end, _end, _height, _order, _many, _plain, _second])(draw)
    if draw.random() < 0.25:
        words, fits = both(
            (words, fits), draw.choice([_end, _height, _many, _order])(draw), draw.choice(JOINTS)
        )
    one, many = draw.choice(HAVING)
    return counted(_so_many(fits), TOWERS, f"tower {one} {words}", f"towers {many} {words}", draw)


def _of_named(draw: Draw) -> Phrase[Towers]:
    """So many towers of a colour or of a height, and with something."""
    colour, height = draw.choice(COLOURS), draw.randrange(1, TALLEST + 1)
    by_colour = draw.random() < 0.5
    name = f"{colour} tower" if by_colour else f"{height} block{plural(height)} tower"
    words, fits = draw.choice([_nothing, _height, _end])(draw)

    def among(tower: Tower) -> bool:
        named = set(tower) == {colour} if by_colour else len(tower) == height
        return named and fits(tower)

    words = f" {draw.choice(HAVING)[0]} {words}" if words else ""
    return counted(_so_many(among), TOWERS, f"{name}{words}", f"{name}s{words}", draw)


def _nothing(_: Draw) -> Phrase[Tower]:
    return "", lambda tower: True


def _end(draw: Draw) -> Phrase[Tower]:
    colour = draw.choice(COLOURS)
    if draw.random() < 0.5:
        at = draw.choice(["at the base", "at the bottom", "as the base", "at base"])
        words = draw.choice([f"a {colour} block {at}", f"1 {colour} block {at}", f"a {colour} base"])
        return words, lambda tower: tower[0] == colour
    at = draw.choice(["at the top", "at the top", "as the top", "on top"])
    return f"{draw.choice(['a', '1', 'one'])} {colour} block {at}", lambda tower: tower[-1] == colour


def _height(draw: Draw) -> Phrase[Tower]:
    height, how = draw.randrange(1, TALLEST + 1), draw.random()
    said = f"{number_word(height, draw)} block{plural(height)}"
    if how < 0.25:
        return f"at least {said}", lambda tower: len(tower) >= height
    if how < 0.35 and height < TALLEST:
        return f"more than {said}", lambda tower: len(tower) > height
    return f"{draw.choice(['', 'exactly ', 'exactly ', 'only '])}{said}", lambda tower: len(tower) == height


def _order(draw: Draw) -> Phrase[Tower]:
    upper, lower = draw.choice(COLOURS), draw.choice(COLOURS)
    if upper == lower and draw.random() < 0.5:
        words = f"2 {upper} blocks stacked together"
    elif draw.random() < 0.2:
        words = f"a {lower} block {draw.choice(['below', 'under'])} a {upper} block"
    else:
        words = f"a {upper} block {draw.choice(ABOVE)} a {lower} block"
    return words, lambda tower: (lower, upper) in pairwise(tower)


def _many(draw: Draw) -> Phrase[Tower]:
    colour, number = draw.choice(COLOURS), draw.choice([1, 1, 2, 2, 3])
    said = f"{number_word(number, draw)} {colour} block{plural(number)}"
    if draw.random() < 0.3:
        return f"at least {said}", lambda tower: tower.count(colour) >= number
    if number == 1 and draw.random() < 0.5:
        other = draw.choice([one for one in COLOURS if one != colour])
        return f"a {colour} block and a {other} block", lambda tower: {colour, other} <= set(tower)
    return f"{draw.choice(['', 'exactly ', 'only '])}{said}", lambda tower: tower.count(colour) == number


def _plain(draw: Draw) -> Phrase[Tower]:
    first, second = draw.sample(COLOURS, 2)
    phrases: list[Phrase[Tower]] = [
        (f"only {first} blocks", lambda tower: set(tower) == {first}),
        (f"only {first} and {second} blocks", lambda tower: set(tower) == {first, second}),
        (f"no {first} block", lambda tower: first not in tower),
        (f"{draw.choice(['', 'some '])}{first} blocks", lambda tower: first in tower),
        ("blocks of only one color", lambda tower: len(set(tower)) == 1),
        ("only one color", lambda tower: len(set(tower)) == 1),
        ("blocks of all 3 colors", lambda tower: len(set(tower)) == len(COLOURS)),
        ("a yellow block, a blue block and a black block", lambda tower: len(set(tower)) == len(COLOURS)),
    ]
    return draw.choice(phrases)


def _second(draw: Draw) -> Phrase[Tower]:
    colour = draw.choice(COLOURS)
    place = draw.choice(["the second block", "the second block from the base"])
    return f"{place} {colour}", lambda tower: len(tower) > 1 and tower[1] == colour


def _of_ends(draw: Draw) -> Phrase[Towers]:
    """So many blocks that end towers."""
    colour, (end, place) = draw.choice(COLOURS), draw.choice([("base", 0), ("top", -1)])
    words, fits = draw.choice([_nothing, _height])(draw)
    of = f"{draw.choice(['as', 'as', 'at'])} the {end} of a tower{' with ' if words else ''}{words}"
    count = _so_many(lambda tower: fits(tower) and tower[place] == colour)
    return counted(count, TOWERS, f"{colour} block {of}", f"{colour} blocks {of}", draw)


def _of_blocks(draw: Draw) -> Phrase[Towers]:
    """So many blocks of a colour."""
    colour = draw.choice(COLOURS)
    return counted(
        lambda towers: sum(tower.count(colour) for tower in towers),
        BLOCKS,
        f"{colour} block",
        f"{colour} blocks",
        draw,
    )


def _of_order(draw: Draw) -> Phrase[Towers]:
    """Whether a block lies on another somewhere."""
    upper, lower = draw.choice(COLOURS), draw.choice(COLOURS)
    words = f"{upper} block {draw.choice(ABOVE)} a {lower} block"
    count = _so_many(lambda tower: (lower, upper) in pairwise(tower))
    if draw.random() < 0.33:
        return f"There is no {words}", lambda towers: count(towers) == 0
    return f"There is {draw.choice(['a', 'at least one'])} {words}", lambda towers: count(towers) > 0


def _of_all(draw: Draw) -> Phrase[Towers]:
    words, fits = draw.choice([_many, _many, _end, _height])(draw)
    every = ["All 3 towers have", "All towers contain", "Each tower has", "All the towers have"]
    return f"{draw.choice(every)} {words}", lambda towers: all(map(fits, towers))


def _alike(draw: Draw) -> Phrase[Towers]:
    """Whether towers share a height or a colour."""
    what, place = draw.choice([("height", None), ("base color", 0), ("top color", -1)])

    def kinds(towers: Towers) -> int:
        return len({len(tower) if place is None else tower[place] for tower in towers})

    statements: list[Phrase[Towers]] = [
        (f"There are at least two towers with the same {what}", lambda towers: kinds(towers) < len(towers)),
        (f"There are only two towers which has the same {what}", lambda towers: kinds(towers) == TOWERS - 1),
        (f"All the towers have the same {what}", lambda towers: kinds(towers) == 1),
    ]
    return draw.choice(statements)


def _some(draw: Draw) -> Phrase[Towers]:
    """One or two of the towers, without there is or there are."""
    words, fits = draw.choice([_end, _end, _height, _many])(draw)
    number, count = draw.choice([1, 1, 2]), _so_many(fits)
    who = draw.choice([f"tower{plural(number)}", "of the towers", "of the three towers"])
    start = "one" if number == 1 else draw.choice(["two", "at least two"])
    return f"{start} {who} has {words}", lambda towers: count(towers) >= number


HAVING = (("with", "with"), ("having", "having"), ("that has", "that have"), ("which has", "which have"))
JOINTS = (" and ", " with ", ", and it has ", " having ")
ABOVE = ("above", "over", "on", "on top of")
FORMS = (_of_towers, _of_ends, _of_blocks, _of_order, _of_all, _alike, _some)
WEIGHTS = (50, 15, 5, 5, 8, 8, 9)
