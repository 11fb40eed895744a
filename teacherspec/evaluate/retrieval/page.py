"""The report of retrieval as one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.evaluate.classification.page import environment, inline
from teacherspec.evaluate.classification.report import PICTURES
from teacherspec.evaluate.retrieval.findings import findings
from teacherspec.evaluate.retrieval.metrics import DIRECTIONS, hardest
from teacherspec.evaluate.retrieval.report import RetrievalAnalysis
from teacherspec.evaluate.thumbnails import thumbnails
from teacherspec.metrics.retrieval import RECALLED
from teacherspec.runtime.atomic_io import write_text
from teacherspec.spec.evaluate import Evaluate
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    from datasets import Dataset

TEMPLATE = "retrieval/report.html.j2"
SHOWN = 12
"""Images on the page: half of them the hardest, half spread evenly."""

NEAREST = 3
"""Texts beside each."""


@dataclass(frozen=True)
class Shown:
    """An image and what lies nearest to it.

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
    report: Path, analysis: RetrievalAnalysis, section: Evaluate, fields: RowSchema, rows: "Dataset"
) -> None:
    """Write `report.html` into `report`, which holds the pictures already.

    Args:
        report: folder.
        analysis: the numbers.
        section: `params.yaml: evaluate`.
        fields: what a row holds.
        rows: the test split.
    """
    metrics = analysis.metrics
    page = environment().get_template(TEMPLATE)
    content = page.render(
        directions=DIRECTIONS,
        findings=findings(metrics),
        candidate_set_size=metrics["candidate_set_size"],
        loss_ratio=metrics["loss_ratio"],
        pictures={name: inline((report / name).read_bytes()) for name in PICTURES},
        recalled=RECALLED,
        section=section,
        shown=_shown(analysis, fields, rows),
        splits={
            "test": metrics["test"],
            "test, untrained base": metrics["base"]["test"],
            **{name: part for name, part in metrics.items() if isinstance(part, dict) and "texts" in part},
        },
    )
    write_text(report / "report.html", content)


def _shown(analysis: RetrievalAnalysis, fields: RowSchema, rows: "Dataset") -> list[Shown]:
    found = analysis.test
    spread = np.linspace(0, len(found.ids) - 1, SHOWN).round().astype(int)
    places = list(dict.fromkeys([*hardest(found)[: SHOWN // 2].tolist(), *spread.tolist()]))[:SHOWN]
    texts, first = np.unique(found.text_of, return_index=True)
    ranks = analysis.ranks()["image_to_text"]
    _, of = np.unique(found.image_of, return_inverse=True)
    names = [found.ids[place] for place in places]
    small = thumbnails(fields, {"test": rows}, {("test", name) for name in names})
    shown = []
    for place, name in zip(places, names, strict=True):
        cosines = found.texts[first] @ found.images[place]
        right = set(found.text_of[found.image_of == found.image_of[place]].tolist())
        nearest = [
            (analysis.texts[found.ids[first[at]]], float(cosines[at]), int(texts[at]) in right)
            for at in np.argsort(-cosines, kind="stable")[:NEAREST]
        ]
        rank = int(ranks.rank[of.reshape(-1)[place]])
        shown.append(Shown(small["test", name], analysis.texts[name], rank, nearest))
    return shown
