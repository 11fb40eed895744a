"""What the page shows of a generative model: losses of given answers, measures of generated ones, answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from teacherspec.package.page.content import (
    MISSING,
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
from teacherspec.package.page.next_steps import POINTS, Rule, Step
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import Measurement
from teacherspec.predictions.generation import Answer, load_answers
from teacherspec.runtime.html_pages import inline_picture
from teacherspec.spec.generation import Generation

LONGEST = 2_000
"""Characters of a prompt or an answer on the page."""

UNENDED = 0.05
"""Share of answers without an end from which it is a weakness."""

LOSSES = (
    ("nll", "NLL a token"),
    ("perplexity", "perplexity"),
    ("nll_per_answer", "NLL an answer"),
    ("accuracy", "token accuracy"),
    ("ece", "ECE"),
)
"""Metrics of given answers, and their titles."""

TEXT_METRICS = (
    "bleu",
    "chrf",
    "rouge1",
    "rouge2",
    "rougeL",
    "exact_match",
    "stopped",
    "empty",
    "tokens",
    "length_ratio",
    "repetition",
)
"""Metrics of generated answers."""

GENERATED = {
    "teacher, greedy": "evaluate.test.generated",
    "untrained base, greedy": "evaluate.base.test.generated",
    "teacher, sampled": "evaluate.test.sampled",
}
"""Whose answers → where their metrics are."""


def headlines(inputs: PageInputs) -> Iterable[Headline]:
    """Perplexity of given answers, and exact match of generated ones."""
    base = inputs.outputs.number("evaluate.base.test.perplexity").value
    yield Headline(
        "perplexity, test", inputs.cell("evaluate.test.perplexity"), f"a token; {base:.3f} untrained"
    )
    answered = inputs.find("evaluate.test.generated.exact_match")
    if answered is not None:
        cell = inputs.cell("evaluate.test.generated.exact_match")
        yield Headline("exact match, test", cell, "greedy answers")


def sections(inputs: PageInputs) -> Sequence[Section]:
    """Everything that only generation has."""
    tables = [_losses(inputs), _generated(inputs)]
    answers = load_answers(inputs.stages.evaluated, "test")
    rows = [one for one in (_answers(inputs, answers), _hardest(inputs)) if one.rows]
    return (
        Section("quality", "Quality", ("Before calibration, at temperature 1.",), tables=tables),
        Section("rows", "Rows to look at", tables=rows),
    )


def _losses(inputs: PageInputs) -> Table:
    splits = inputs.outputs.prepared.splits
    order = [*inputs.reported, *(name for name in splits if name not in inputs.reported)]
    places = {"test, untrained base": "evaluate.base.test", **{name: f"evaluate.{name}" for name in order}}
    rows = [
        Row(
            (
                plain(name),
                inputs.cell(f"{place}.rows", 0),
                inputs.cell(f"{place}.tokens", 0),
                *(inputs.cell(f"{place}.{metric}") for metric, _ in LOSSES),
            )
        )
        for name, place in places.items()
        if inputs.find(f"{place}.nll")
    ]
    columns = (
        *texts("split"),
        *numbers("rows", "tokens"),
        *numbers(*(title for _, title in LOSSES)),
    )
    return Table("Loss of the given answers", columns, rows)


def _generated(inputs: PageInputs) -> Table:
    found = {title: place for title, place in GENERATED.items() if inputs.find(f"{place}.stopped")}
    rows = [
        Row((plain(metric), *(inputs.cell(f"{place}.{metric}") for place in found.values())))
        for metric in TEXT_METRICS
        if inputs.find(f"{GENERATED['teacher, greedy']}.{metric}")
    ]
    measured: Mapping[str, Any] = inputs.reports["evaluate"]["test"]["generated"]
    signatures = [
        f"{name} {measured[name]['signature']}"
        for name in ("bleu", "chrf")
        if "signature" in measured.get(name, {})
    ]
    signatures += (
        [f"ROUGE with the tokenizer {measured['rouge_tokenizer']}"] if "rouge_tokenizer" in measured else []
    )
    reasons = [
        f"{name} is not measured: {reason}" for name, reason in measured.get("not_measured", {}).items()
    ]
    note = "; ".join((*signatures, *reasons))
    return Table(
        "Generated answers, test", (*texts("measure"), *numbers(*(title for title in found))), rows, note
    )


def _answers(inputs: PageInputs, answers: Sequence[Answer]) -> Table:
    """Some answers, spread evenly over the prompts."""
    shown = (inputs.evaluating.generation or Generation()).shown
    chosen = (
        np.unique(np.linspace(0, len(answers) - 1, min(shown, len(answers))).round().astype(int))
        if answers
        else ()
    )
    rows = [Row(_answer(answers[place])) for place in chosen]
    columns = texts("prompt", "reference", "teacher", "untrained base")
    pictured = any(one.pictures for one in answers)
    note = "Spread evenly over the prompts of test."
    return Table("Answers", [*([*texts("image")] if pictured else []), *columns], rows, note, filterable=True)


def _answer(one: Answer) -> list[Cell]:
    more = len(one.references) - 1
    pictures = (
        [Cell("first image of the prompt", image=inline_picture(one.pictures[0]))] if one.pictures else []
    )
    return [
        *pictures,
        _text(one.prompt),
        _text(one.references[0], f"and {more} more" if more else ""),
        _text(one.text, "" if one.stopped else "reached the longest length"),
        _text(one.base_text),
    ]


def _text(text: str, small: str = "") -> Cell:
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return Cell(cut, small, verbatim=True)


def _hardest(inputs: PageInputs) -> Table:
    rows = [
        Row(
            (
                plain(row["prompt"]),
                plain(row["answer"]),
                plain(int(row["tokens"])),
                number(Measurement(float(row["nll"]))) if row["nll"] else MISSING,
                plain(row["id"]),
            )
        )
        for row in inputs.table("evaluate/plots/hardest.tsv")
    ]
    columns = (
        *texts("prompt", "given answer"),
        *numbers("tokens", "NLL (nats)"),
        *texts("id"),
    )
    return Table(
        "Hardest answers, test", columns, rows, "Given answers with the highest loss.", filterable=True
    )


def unended(inputs: PageInputs) -> Iterator[Step]:
    """Answers that reach the longest length without an end."""
    stopped = inputs.find("evaluate.test.generated.stopped")
    if stopped is not None and 1.0 - stopped.value > UNENDED:
        reason = f"{1.0 - stopped.value:.0%} of greedy answers have no end."
        action = "Raise `evaluate.generation.max_new_tokens`, or train on answers that end."
        yield Step(action, reason, POINTS * (1.0 - stopped.value), "answers that end")


RULES: Sequence[Rule] = (unended,)
"""Rules of what to do next for language models."""
