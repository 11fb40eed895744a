"""What is drawn on the pictures of NLVR, from the lists beside them, and the same in other colours."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

COLOURS = ("yellow", "black", "blue")
WRITTEN = {"Yellow": "yellow", "Black": "black", "#0099ff": "blue"}
"""Colours as the files have them."""
ORDERS = 3
"""Pictures of a scene, in different orders of its boxes; no statement of ours tells these apart."""
RECOLOURINGS = tuple(dict(zip(COLOURS, new, strict=True)) for new in permutations(COLOURS))
"""Every way to exchange the three colours; the first leaves them."""

Box = Sequence[Mapping[str, Any]]
"""Items from below upwards: their `type`, `color`, `size`, `x_loc` and `y_loc` (from the top) in pixels."""
Tower = Sequence[str]
"""Colours of blocks from the base upwards."""


@dataclass(frozen=True)
class Scene:
    """What the pictures of a scene show in one recolouring."""

    identifier: str
    recolouring: int
    boxes: Sequence[Box]

    @property
    def towers(self) -> Sequence[Tower] | None:
        """The boxes as towers, where each holds blocks on one another and nothing else."""
        if any(
            item["type"] != "square" or item["x_loc"] != box[0]["x_loc"] for box in self.boxes for item in box
        ):
            return None
        return [[item["color"] for item in box] for box in self.boxes]

    def picture(self, order: int) -> str:
        """Name of one of its pictures."""
        return name_of(self.identifier, order, self.recolouring)


def name_of(identifier: str, order: int, recolouring: int) -> str:
    """Name of a training picture in other colours."""
    return f"dev-{identifier}-{order}-{recolouring}.png"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file of NLVR."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def scenes_of(rows: Sequence[Mapping[str, Any]]) -> list[Scene]:
    """Scenes of rows, each in every recolouring."""
    return [
        Scene(row["identifier"], number, [_box(box, colours) for box in row["structured_rep"]])
        for row in rows
        for number, colours in enumerate(RECOLOURINGS)
    ]


def _box(box: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> Box:
    recoloured = ({**item, "color": colours[WRITTEN[item["color"]]]} for item in box)
    return sorted(recoloured, key=lambda item: -item["y_loc"] - item["size"])


def reworded(sentence: str, colours: Mapping[str, str]) -> str:
    """A sentence as true of the recoloured picture as it was of the picture."""
    return re.sub(
        "|".join(COLOURS), lambda said: colours[said.group().lower()], sentence, flags=re.IGNORECASE
    )


def people_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """People's sentences on every training picture in every recolouring, as rows."""
    return [
        {
            "picture": name_of(row["identifier"], order, number),
            "sentence": reworded(row["sentence"], colours),
            "label": row["label"],
        }
        for row in rows
        for order in range(ORDERS)
        for number, colours in enumerate(RECOLOURINGS)
    ]


def write_rows(rows: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Write JSON lines."""
    target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
