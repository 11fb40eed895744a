"""The content of the page of retrieval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.html import write_page
from teacherspec.evaluate.retrieval.metrics import DIRECTIONS, hardest
from teacherspec.evaluate.retrieval.report import RetrievalAnalysis
from teacherspec.evaluate.thumbnails import thumbnails
from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.spec.evaluate import Evaluate
from teacherspec.tasks.shared.columns.row_schema import RowSchema

if TYPE_CHECKING:
    from datasets import Dataset

TEMPLATE = "retrieval/report.html.j2"
SHOWN = 12
"""Images on the page: half of them the hardest, half spread evenly."""

NEAREST = 3
"""Texts shown with each image."""


@dataclass(frozen=True)
class ShownImage:
    """An image and the texts nearest to it.

    Attributes:
        image: `src` of a small picture.
        text: that of its row.
        rank: of its nearest right text.
        nearest: texts with their cosines, and whether each is right.
    """

    image: str
    text: str
    rank: int
    nearest: Sequence[tuple[str, float, bool]]


def write_retrieval_page(
    paths: Paths, analysis: RetrievalAnalysis, section: Evaluate, schema: RowSchema, rows: "Dataset"
) -> None:
    """Write `report.html`; the plots are written already.

    Args:
        paths: of the stage.
        analysis: the numbers.
        section: `params.yaml: evaluate`.
        schema: the columns of the task.
        rows: the test split.
    """
    metrics = analysis.metrics
    content = {
        "directions": DIRECTIONS,
        "findings": analysis.findings,
        "candidate_set_size": metrics["candidate_set_size"],
        "loss_ratio": metrics["loss_ratio"],
        "recalled": RECALLED,
        "section": section,
        "shown": _shown(analysis, schema, rows),
        "splits": {
            "test": metrics["test"],
            "test, untrained base": metrics["base"]["test"],
            **{name: part for name, part in metrics.items() if isinstance(part, dict) and "texts" in part},
        },
    }
    write_page(paths, TEMPLATE, content)


def _shown(analysis: RetrievalAnalysis, schema: RowSchema, rows: "Dataset") -> list[ShownImage]:
    test = analysis.test
    spread = np.linspace(0, len(test.ids) - 1, SHOWN).round().astype(int)
    places = list(dict.fromkeys([*hardest(test)[: SHOWN // 2].tolist(), *spread.tolist()]))[:SHOWN]
    texts, first = np.unique(test.text_of, return_index=True)
    ranks = analysis.ranks()["image_to_text"]
    _, image = np.unique(test.image_of, return_inverse=True)
    names = [test.ids[place] for place in places]
    small = thumbnails(schema, {"test": rows}, {("test", name) for name in names})
    shown = []
    for place, name in zip(places, names, strict=True):
        cosines = test.texts[first] @ test.images[place]
        right = set(test.text_of[test.image_of == test.image_of[place]].tolist())
        nearest = [
            (analysis.texts[test.ids[first[at]]], float(cosines[at]), int(texts[at]) in right)
            for at in np.argsort(-cosines, kind="stable")[:NEAREST]
        ]
        rank = int(ranks.rank[image.reshape(-1)[place]])
        shown.append(ShownImage(small["test", name], analysis.texts[name], rank, nearest))
    return shown
