"""The rows that students of a classifier learn from and are scored on, with the teacher's targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, Identity, parse_calibrator
from teacherspec.errors import DataError
from teacherspec.predictions.class_embeddings import ClassSpace, load_class_space, load_embeddings
from teacherspec.predictions.classification import load_predictions
from teacherspec.predictions.index import load_index
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.matched_rows import every_split, matched_rows, require_finite
from teacherspec.probe.narrowed import too_wide
from teacherspec.probe.outcome import ScoredSet
from teacherspec.probe.sources import CHOOSING, READ, REPORTED, TRANSFER
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import ImageEmbedder
from teacherspec.splits import Prepared


@dataclass(frozen=True)
class TeacherRows:
    """Rows of some splits with the teacher's logits.

    Attributes:
        ids: `[N]`.
        labels: `[N]` int64; `NO_LABEL` where a row has none.
        logits: `[N, C]` float32, raw.
        content: `[N]`, what a student reads.
    """

    ids: Sequence[str]
    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    content: Sequence[Any]

    def scored(self, name: str) -> ScoredSet:
        """As a set that students are scored on."""
        right = (self.logits.argmax(axis=1) == self.labels).astype(np.float32)
        return ScoredSet(name, self.ids, right)


@dataclass(frozen=True)
class Embedded:
    """Train rows and classes in the teacher's space.

    Attributes:
        rows: `[N, D]`, of length 1.
        classes: `[C, D]`, and the factor of the cosines.
    """

    rows: npt.NDArray[np.float32]
    classes: ClassSpace


@dataclass(frozen=True)
class ProbeRows:
    """All rows of a probe.

    Attributes:
        train: rows that students learn from; those without a label come last.
        labelled: how many of them have a label.
        choice: rows by which epoch and arm are chosen.
        reported: name of the split → its rows: test, then each shifted set.
        classes: C.
        calibrator: of the teacher.
        embedded: the teacher's embeddings of the train rows, where students learn them.
    """

    train: TeacherRows
    labelled: int
    choice: TeacherRows
    reported: Mapping[str, TeacherRows]
    classes: int
    calibrator: Calibrator
    embedded: Embedded | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether calibrated targets differ from raw ones."""
        return not isinstance(self.calibrator, Identity)

    def scored_sets(self) -> dict[str, TeacherRows]:
        """Everything that students are scored on, by name; the rows that choose first."""
        return {CHOICE: self.choice, **self.reported}


def load_rows(
    section: Probe, prepared: Prepared, evaluated: Path, calibrated: Path, column: str
) -> ProbeRows:
    """Read rows, predictions and calibrator, and check that students can learn from them.

    Args:
        section: `params.yaml: probe`.
        prepared: the splits.
        evaluated: `artifacts/evaluate`.
        calibrated: `artifacts/calibrate`.
        column: of the prepared rows that a student reads.

    Raises:
        DataError: predictions are of other rows or not finite, or rows are too few; every problem.
    """
    index = load_index(evaluated)
    rows = every_split(
        [name for role in READ for name in index.splits(role)],
        lambda name: _rows_of_split(prepared.splits[name].path, evaluated, name, column, section.max_rows),
    )
    of_role = {role: [rows[name] for name in index.splits(role)] for role in READ}
    labelled = _joined(of_role["train"])
    train = _joined([labelled, *of_role[TRANSFER]])
    embedders = {
        place: student for place, student in enumerate(section.students) if isinstance(student, ImageEmbedder)
    }
    learned = [*index.splits("train"), *index.splits(TRANSFER)]
    embedded = _embedded(evaluated, learned, train.ids) if embedders else None
    problems = list(section.budget_problems(len(labelled.ids), len(index.label_names)))
    if embedded is not None:
        problems += too_wide(embedders, embedded.rows.shape[1])
    if problems:
        raise DataError(problems)
    return ProbeRows(
        train=train,
        labelled=len(labelled.ids),
        choice=_joined([one for role in CHOOSING for one in of_role[role]]),
        reported={name: rows[name] for role in REPORTED for name in index.splits(role)},
        classes=len(index.label_names),
        calibrator=parse_calibrator(read_json(calibrated / "calibration.json")["calibrator"]),
        embedded=embedded,
    )


def _embedded(evaluated: Path, splits: Sequence[str], ids: Sequence[str]) -> Embedded:
    """The teacher's embeddings of the rows `ids` of some splits, in their order, and of the classes."""
    stored = every_split(splits, lambda name: load_embeddings(evaluated, name))
    places = {row_id: (name, place) for name in splits for place, row_id in enumerate(stored[name][0])}
    if missing := [row_id for row_id in ids if row_id not in places]:
        raise DataError(
            f"{evaluated}: no embedding of row {missing[0]} ({len(missing)} such rows); run `dvc repro`"
        )
    found = np.stack([stored[name][1][place] for name, place in (places[row_id] for row_id in ids)])
    require_finite(found, "embeddings", ids, evaluated, " and ".join(splits))
    return Embedded(found, load_class_space(evaluated))


def _rows_of_split(path: Path, evaluated: Path, name: str, column: str, most: int) -> TeacherRows:
    """The rows of a split, joined to the teacher's predictions by id; some of them where there are more."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["id", column])
    predictions = load_predictions(evaluated, name)
    ids = table["id"].to_pylist()
    kept, order = matched_rows(ids, predictions.ids, most, evaluated, name)
    logits, chosen = predictions.logits[order], [ids[row] for row in kept]
    require_finite(logits, "logits", chosen, evaluated, name)
    content = table[column].take(kept).to_pylist()
    return TeacherRows(chosen, predictions.labels[order].astype(np.int64), logits, content)


def _joined(parts: Sequence[TeacherRows]) -> TeacherRows:
    return TeacherRows(
        [row_id for part in parts for row_id in part.ids],
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.logits for part in parts]),
        [value for part in parts for value in part.content],
    )
