"""What is drawn on the pictures of NLVR, from the lists that come with them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = {"Yellow": "yellow", "Black": "black", "#0099ff": "blue"}
ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2))
"""Which box of a scene stands where in its pictures -0, -1 and -2."""
PLACES = ("left", "middle", "right")

Scene = Sequence[Sequence[Mapping[str, Any]]]
"""Boxes of items, a tower's blocks from its base."""


def write_descriptions(scenes: Path, target: Path, pictures: str, orders: int = len(ORDERS)) -> list[str]:
    """Write what each picture of a file shows as JSON lines, as a whole and by box; return the texts.

    Args:
        scenes: file of scenes.
        target: file to write.
        pictures: how the names of its pictures begin, such as `dev`.
        orders: pictures of each scene.
    """
    told = []
    with scenes.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as out:
        for scene in map(json.loads, lines):
            boxes = scene_of(scene["structured_rep"])
            for order in range(orders):
                shown = [described(boxes[place]) for place in ORDERS[order]]
                row = {
                    "picture": f"{pictures}-{scene['identifier']}-{order}",
                    "text": " ; ".join(shown),
                    **dict(zip(PLACES, shown, strict=True)),
                    **{f"place_{place}": f"{place} box" for place in PLACES},
                }
                out.write(json.dumps(row) + "\n")
                told.append(row["text"])
    return told


def described(box: Sequence[Mapping[str, Any]]) -> str:
    """What lies in a box, from below upwards."""
    return " ".join(f"{item['color']} {item['type']}" for item in box) or "nothing"


def scene_of(boxes: Sequence[Sequence[Mapping[str, Any]]]) -> Scene:
    """The boxes of a file with colours in words, from below upwards."""
    return [
        sorted(
            ({**item, "color": COLOURS[item["color"]]} for item in box),
            key=lambda item: -item["y_loc"] - item["size"],
        )
        for box in boxes
    ]
