"""What the page shows of token classification: entities by split and type, confidence of spans, errors."""

from collections.abc import Iterable, Iterator, Sequence

from teacherspec.package.page.content import (
    Headline,
    Row,
    Section,
    Table,
    number,
    numbers,
    plain,
    share_strip,
    texts,
)
from teacherspec.package.page.next_steps import POINTS, Rule, Step
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import Measurement
from teacherspec.runtime.escaping import markdown_code as code

COUNTS = ("rows", "words", "words_unread", "entities")
METRICS = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "macro_f1": "macro F1",
    "accuracy": "accuracy of words",
    "nll": "NLL",
    "ece": "ECE",
}
FEW = 20
"""Entities of a type in test below which its F1 is a rough guess."""

SHOWN = 2
"""Types that a next step names."""


def headlines(inputs: PageInputs) -> Iterable[Headline]:
    """F1 of entities."""
    for split in inputs.reported[:2]:
        entities = inputs.cell(f"evaluate.{split}.entities", 0).text
        cell = inputs.cell(f"evaluate.{split}.f1")
        yield Headline(f"F1 of entities, {split}", cell, f"{entities} entities")


def sections(inputs: PageInputs) -> Sequence[Section]:
    """Everything that only token classification has."""
    text = (
        "An entity counts as found where first word, last word and type are exactly right. Accuracy, NLL and "
        "ECE are of words that the model reads. Before calibration, at temperature 1."
    )
    tables = [_splits(inputs), _gain(inputs)]
    return (
        Section("quality", "Quality", (text,), tables=tables),
        Section("types", "Types of entities", tables=[_types(inputs)]),
        Section("spans", "Confidence of entities", tables=[one for one in _spans(inputs) if one.rows]),
        Section("rows", "Rows to look at", tables=[one for one in (_errors(inputs),) if one.rows]),
    )


def _splits(inputs: PageInputs) -> Table:
    places = {name: f"evaluate.{name}" for name in inputs.reported}
    places["test, linear probe of the base"] = "evaluate.base.test"
    others = (name for name in inputs.outputs.prepared.splits if name not in places)
    places |= {name: f"evaluate.{name}" for name in others if inputs.find(f"evaluate.{name}.f1")}
    rows = [
        Row(
            (
                plain(name),
                *(inputs.cell(f"{place}.{count}", 0) for count in COUNTS),
                *(inputs.cell(f"{place}.{metric}") for metric in METRICS),
            )
        )
        for name, place in places.items()
    ]
    titles = ("rows", "words", "not read", "entities", *METRICS.values())
    return Table("Splits", (*texts("split"), *numbers(*titles)), rows)


def _gain(inputs: PageInputs) -> Table:
    gained = inputs.differences([f"evaluate.gain.{split}.f1" for split in inputs.reported])
    rows = [Row((plain(split), gained[at])) for at, split in enumerate(inputs.reported)]
    columns = (*texts("split"), *numbers("gain in F1"))
    return Table("Gain in F1 over a linear probe of the untrained base", columns, rows)


def _types(inputs: PageInputs) -> Table:
    overall = inputs.outputs.number("evaluate.test.f1")
    rows = []
    for row in sorted(inputs.outputs.types, key=lambda row: (row["f1"], row["type"])):
        shares = [
            Measurement(row[name], row[f"{name}_low"], row[f"{name}_high"])
            for name in ("f1", "precision", "recall")
        ]
        cells = [share_strip(number(one), one, overall.value) for one in shares]
        weak = overall.low is not None and row["f1_high"] < overall.low
        counts = (plain(int(row["entities"])), plain(int(row["predicted"])))
        rows.append(Row((plain(row["type"]), *counts, *cells), weak))
    columns = (*texts("type"), *numbers("entities", "predicted", "F1", "precision", "recall"))
    note = "The tick marks F1 of all types together. Coloured: significantly below it."
    return Table("Types, test", columns, rows, note)


def _spans(inputs: PageInputs) -> Iterator[Table]:
    metrics = {"ece": "ECE", "confidence": "mean confidence", "signed": "confidence less precision"}
    metrics |= {"nll": "NLL that it is right", "correctness_auroc": "AUROC right over wrong"}
    rows = [
        Row(
            (
                plain(split),
                plain(when),
                inputs.cell(f"calibrate.{split}.spans.predicted", 0),
                inputs.cell(f"calibrate.{split}.spans.precision"),
                *(inputs.cell(f"calibrate.{split}.spans.{name}.{when}") for name in metrics),
            )
        )
        for split in inputs.reported
        if inputs.find(f"calibrate.{split}.spans.ece.after")
        for when in ("before", "after")
    ]
    columns = (*texts("split", "calibration"), *numbers("predicted", "precision", *metrics.values()))
    note = "The confidence of an entity is the product of the probabilities of the tags of its words."
    yield Table("Confidence of predicted entities", columns, rows, note)
    bins = [
        Row(
            (
                plain(f"{float(row['lower']):.2f} to {float(row['upper']):.2f}"),
                number(Measurement(float(row["confidence"]))),
                number(Measurement(*(float(row[name]) for name in ("precision", "low", "high")))),
                plain(int(row["count"])),
            )
        )
        for row in inputs.table("calibrate/plots/spans.tsv")
        if row["stage"] == "after"
    ]
    columns = (*texts("confidence"), *numbers("mean confidence", "precision", "entities"))
    yield Table("Reliability of entities after calibration, test", columns, bins)


def _errors(inputs: PageInputs) -> Table:
    rows = [
        Row(tuple(plain(row[name]) for name in ("text", "error", "labelled", "predicted", "id")))
        for row in inputs.table("evaluate/plots/errors.tsv")
    ]
    columns = texts("text", "error", "labelled", "predicted", "id")
    note = "Entities of test that are missed, invented, of another span or of another type."
    return Table("Errors, test", columns, rows, note, filterable=True)


def weak_types(inputs: PageInputs) -> Iterator[Step]:
    """Types that are found significantly worse than all together."""
    overall = inputs.outputs.number("evaluate.test.f1")
    weak = [row for row in inputs.outputs.types if overall.low is not None and row["f1_high"] < overall.low]
    for row in sorted(weak, key=lambda row: row["f1"])[:SHOWN]:
        reason = f"Its F1 is {row['f1']:.2f}, that of all types {overall.value:.2f}."
        points = POINTS * (overall.value - row["f1"]) / len(inputs.outputs.types)
        yield Step(f"Label more rows with {code(row['type'])}.", reason, points)


def few_entities(inputs: PageInputs) -> Iterator[Step]:
    """Types whose F1 is a rough guess."""
    few = [row["type"] for row in inputs.outputs.types if row["entities"] < FEW]
    if few:
        reason = (
            f"Test holds fewer than {FEW} entities of {', '.join(map(code, few))}, so that the intervals of "
            "their F1 are wide."
        )
        yield Step("Give the test split more rows before comparing types.", reason)


def words_cut(inputs: PageInputs) -> Iterator[Step]:
    """Words that the model does not read."""
    counts = ("words_unread", "words")
    unread, words = (inputs.outputs.number(f"evaluate.test.{name}").value for name in counts)
    if unread:
        reason = f"{unread:.0f} of {words:.0f} words of test are not read; entities in them are missed."
        points = POINTS * unread / words
        yield Step("Raise `task.max_length`, or split long texts into rows.", reason, points)


RULES: Sequence[Rule] = (weak_types, few_entities, words_cut)
"""Rules for token classification."""
