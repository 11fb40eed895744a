"""Rows for a person to check: labels that may be wrong, and predictions that are wrong or undecided."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.metrics.label_errors import label_issues

EXCERPT = 200
"""Longest piece of a text that a table repeats, in characters."""

LISTED = 1_000
"""Likely label errors in `label_errors.tsv`, the most suspicious first: git keeps it, and people read it."""

SHOWN = 25
"""Rows in each list of examples."""

LABEL_COLUMNS = (
    "split", "id", "label", "suggested", "label_probability", "suggested_probability", "quality", "text"
)  # fmt: skip

EXAMPLE_COLUMNS = (
    "kind", "rank", "id", "label", "predicted", "confidence", "label_probability", "margin", "text"
)  # fmt: skip


@dataclass(frozen=True)
class LabelSuspect:
    """A row whose label is likely wrong.

    Attributes:
        split: where the row is.
        id: of the row.
        label: as given.
        suggested: the label that the model predicts instead.
        label_probability: of the given label.
        suggested_probability: of the suggested label.
        quality: normalised margin of the given label in [0, 1]; low is suspicious.
        text: beginning of the content.
    """

    split: str
    id: str
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float
    quality: float
    text: str

    def row(self) -> list[object]:
        """Its line in the order of `LABEL_COLUMNS`."""
        numbers = (self.label_probability, self.suggested_probability, self.quality)
        rounded = (round(number, 6) for number in numbers)
        return [self.split, self.id, self.label, self.suggested, *rounded, self.text]


@dataclass(frozen=True)
class Example:
    """A row worth reading: misclassified or undecided.

    Attributes:
        kind: `confidently_wrong` (by confidence) or `undecided` (by the margin of the two best labels).
        rank: place in the list, from 1.
        id: of the row.
        label: as given.
        predicted: by the model.
        confidence: probability of the predicted label.
        label_probability: of the given label.
        margin: confidence minus the probability of the second-best label.
        text: beginning of the content.
    """

    kind: str
    rank: int
    id: str
    label: str
    predicted: str
    confidence: float
    label_probability: float
    margin: float
    text: str

    def row(self) -> list[object]:
        """Its line in the order of `EXAMPLE_COLUMNS`."""
        numbers = (self.confidence, self.label_probability, self.margin)
        rounded = (round(number, 6) for number in numbers)
        return [self.kind, self.rank, self.id, self.label, self.predicted, *rounded, self.text]


def label_suspects(splits: Mapping[str, EvalTable]) -> list[LabelSuspect]:
    """Likely label errors of splits together, most suspicious first, by confident learning.

    Args:
        splits: split name → its rows, none of which the weights were fitted on: a model agrees with
            the labels it was trained on.
    """
    names = list(splits)
    starts = np.cumsum([0, *(len(measured) for measured in splits.values())])
    probs = np.concatenate([measured.probs for measured in splits.values()])
    issues = label_issues(probs, np.concatenate([measured.labels for measured in splits.values()]))
    suspects = []
    for index, suggested, quality in zip(issues.rows, issues.suggested, issues.quality, strict=True):
        place = int(np.searchsorted(starts, index, side="right")) - 1
        name, row = names[place], int(index - starts[place])
        measured = splits[name]
        label = int(measured.labels[row])
        suspects.append(
            LabelSuspect(
                split=name,
                id=measured.predictions.ids[row],
                label=measured.label_names[label],
                suggested=measured.label_names[suggested],
                label_probability=float(measured.probs[row, label]),
                suggested_probability=float(measured.probs[row, suggested]),
                quality=float(quality),
                text=excerpt(measured.texts[row]),
            )
        )
    return suspects


def hard_examples(measured: EvalTable) -> list[Example]:
    """The most confident wrong predictions, and the predictions with the smallest margin."""
    best = np.sort(measured.probs, axis=1)
    margin = best[:, -1] - best[:, -2] if best.shape[1] > 1 else best[:, -1]
    wrong = np.flatnonzero(~measured.correct)
    lists = {
        "confidently_wrong": wrong[np.argsort(-measured.confidence[wrong], kind="stable")],
        "undecided": np.argsort(margin, kind="stable"),
    }
    return [
        Example(
            kind=name,
            rank=rank,
            id=measured.predictions.ids[row],
            label=measured.label_names[measured.labels[row]],
            predicted=measured.label_names[measured.predicted[row]],
            confidence=float(measured.confidence[row]),
            label_probability=float(measured.probs[row, measured.labels[row]]),
            margin=float(margin[row]),
            text=excerpt(measured.texts[row]),
        )
        for name, rows in lists.items()
        for rank, row in enumerate(rows[:SHOWN].tolist(), start=1)
    ]


def excerpt(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"
