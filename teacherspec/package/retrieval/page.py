"""What the page shows of a dual encoder: recall both ways, candidate sets, the nearest texts of images."""

from collections.abc import Iterable, Sequence

from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.package.page.content import (
    Cell,
    Headline,
    Row,
    Section,
    Table,
    number,
    numbers,
    plain,
    texts,
)
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.page.rows import row_pictures
from teacherspec.package.quality_gates import Measurement

DIRECTIONS = {"image_to_text": "image → text", "text_to_image": "text → image"}
"""Directions of retrieval, and in signs."""


def headlines(inputs: PageInputs) -> Iterable[Headline]:
    """Recall at 1 in both directions."""
    for direction, words in DIRECTIONS.items():
        candidates = inputs.cell(f"evaluate.test.{direction}.candidates", 0).text
        cell = inputs.cell(f"evaluate.test.{direction}.recall_at_1")
        yield Headline(f"recall at 1, {words}", cell, f"test, among {candidates}")


def sections(inputs: PageInputs) -> Sequence[Section]:
    """Everything that only retrieval has."""
    places = {"test": "evaluate.test", "test, untrained base": "evaluate.base.test"}
    others = (name for name in inputs.outputs.prepared.splits if name != "test")
    places |= {name: f"evaluate.{name}" for name in others if inputs.find(f"evaluate.{name}.nll")}
    text = (
        "Recall: share of queries with a right one among the k nearest candidates of the split; equal "
        "images are one query and one candidate, so are equal texts, and any right one counts. Small: "
        "interval; by chance."
    )
    return (
        Section(
            "quality", "Quality", (text,), tables=[_recall(inputs, places), _candidate_sets(inputs, places)]
        ),
        Section(
            "rows",
            "Rows to look at",
            tables=[one for one in (_nearest(inputs), _hardest(inputs)) if one.rows],
        ),
    )


def _recall(inputs: PageInputs, places: dict[str, str]) -> Table:
    rows = [
        Row(
            (
                plain(name),
                plain(words),
                inputs.cell(f"{place}.{direction}.queries", 0),
                inputs.cell(f"{place}.{direction}.candidates", 0),
                *(_with_chance(inputs, f"{place}.{direction}", k) for k in RECALLED),
                inputs.cell(f"{place}.{direction}.median_rank", 1),
            )
        )
        for name, place in places.items()
        for direction, words in DIRECTIONS.items()
    ]
    columns = (
        *texts("split", "direction"),
        *numbers("queries", "candidates"),
        *numbers(*(f"recall at {k}" for k in RECALLED)),
        *numbers("median rank"),
    )
    return Table("Recall", columns, rows)


def _with_chance(inputs: PageInputs, place: str, k: int) -> Cell:
    cell = inputs.cell(f"{place}.recall_at_{k}")
    chance = inputs.find(f"{place}.chance_at_{k}")
    small = cell.small if chance is None else f"{cell.small}; {chance.value:.3f}".removeprefix("; ")
    return Cell(cell.text, small, cell.value, cell.metric)


def _candidate_sets(inputs: PageInputs, places: dict[str, str]) -> Table:
    counts, measures = ("rows", "images", "texts"), ("accuracy", "nll", "ece")
    rows = [
        Row(
            (
                plain(name),
                *(inputs.cell(f"{place}.{count}", 0) for count in counts),
                *(inputs.cell(f"{place}.{measure}") for measure in measures),
            )
        )
        for name, place in places.items()
    ]
    titles = (*counts, "right", "NLL", "ECE")
    columns = (*texts("split"), *numbers(*(title for title in titles)))
    size = inputs.cell("evaluate.candidate_set_size", 0).text
    note = f"Which of {size} candidates is the right one? As many in every split; both directions together."
    return Table("Candidate sets", columns, rows, note)


def _nearest(inputs: PageInputs) -> Table:
    """Test images with the texts nearest to them."""
    found = inputs.table("evaluate/plots/nearest.tsv")
    pictures = row_pictures(inputs, {("test", row["id"]) for row in found})
    rows = [
        Row(
            (
                Cell(row["text"], image=pictures.get(("test", row["id"]), "")),
                plain(row["text"]),
                plain(int(row["rank"])),
                plain(row["nearest"]),
                number(Measurement(float(row["cosine"]))),
                Cell("right", state="good") if row["right"] == "true" else Cell("wrong", state="bad"),
            )
        )
        for row in found
    ]
    columns = (
        *texts("image", "its text"),
        *numbers("rank"),
        *texts("near text"),
        *numbers("cosine"),
        *texts("right"),
    )
    note = "The hardest images, and some spread evenly over test. Rank: that of the nearest right text."
    return Table("Images and the texts nearest to them", columns, rows, note, filterable=True)


def _hardest(inputs: PageInputs) -> Table:
    rows = [
        Row((plain(row["text"]), plain(int(row["rank"])), plain(int(row["candidates"])), plain(row["id"])))
        for row in inputs.table("evaluate/plots/hardest.tsv")
    ]
    columns = (*texts("text of the image"), *numbers("rank", "candidates"), *texts("id"))
    note = "Images whose nearest right text ranks last."
    return Table("Hardest images, test", columns, rows, note, filterable=True)
