"""The pairs that students of a retrieval teacher learn from and are scored on, with its embeddings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, Identity, parse_calibrator
from teacherspec.errors import DataError
from teacherspec.metrics.scores.retrieval import Paired
from teacherspec.predictions.index import load_index
from teacherspec.predictions.retrieval import load_comparison, load_embedding_predictions
from teacherspec.probe.matched_rows import every_split, matched_rows, require_finite
from teacherspec.probe.narrowed import too_wide
from teacherspec.probe.sources import CHOOSING, REPORTED, Sources
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import DualEncoder

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TeacherPairs:
    """Pairs of one split with the teacher's embeddings.

    Attributes:
        ids: `[N]`.
        images: `[N]`, content.
        texts: `[N]`, content.
        embedded: `[N, D]` of both, and numbers that are equal for equal images or texts.
    """

    ids: Sequence[str]
    images: Sequence[bytes]
    texts: Sequence[str]
    embedded: Paired


@dataclass(frozen=True)
class ProbePairs:
    """All pairs of a probe.

    Attributes:
        train: pairs that students learn from.
        choice: split → its pairs, by which epoch and arm are chosen.
        reported: split → its pairs: test, then each shifted set.
        scale: by which the teacher multiplies cosines.
        calibrator: of the teacher.
    """

    train: TeacherPairs
    choice: Mapping[str, TeacherPairs]
    reported: Mapping[str, TeacherPairs]
    scale: float
    calibrator: Calibrator

    @property
    def is_calibrated(self) -> bool:
        """Whether calibrated targets differ from raw ones."""
        return not isinstance(self.calibrator, Identity)

    def scored_splits(self) -> dict[str, TeacherPairs]:
        """Every split that students are scored on."""
        return {**self.choice, **self.reported}


def load_pairs(section: Probe, sources: Sources) -> ProbePairs:
    """Read pairs, embeddings and calibrator, and check that students can learn from them.

    Raises:
        DataError: predictions are of other rows or not finite, students are wider than the teacher, or
            images are too few; every problem.
    """
    index = load_index(sources.evaluated)
    names = {role: index.splits(role) for role in ("train", *CHOOSING, *REPORTED)}
    columns = (*sources.content, *sources.answers)
    found = every_split(
        [name for of_role in names.values() for name in of_role],
        lambda name: _pairs(sources, name, columns, section.max_rows),
    )
    (train,) = (found[name] for name in names["train"])
    width = train.embedded.images.shape[1]
    encoders = {
        place: student for place, student in enumerate(section.students) if isinstance(student, DualEncoder)
    }
    problems = list(too_wide(encoders, width))
    problems += section.image_problems(len(np.unique(train.embedded.image_of)))
    if problems:
        raise DataError(problems)
    return ProbePairs(
        train=train,
        choice={name: found[name] for role in CHOOSING for name in names[role]},
        reported={name: found[name] for role in REPORTED for name in names[role]},
        scale=load_comparison(sources.evaluated).logit_scale,
        calibrator=parse_calibrator(read_json(sources.calibrated / "calibration.json")["calibrator"]),
    )


def _pairs(sources: Sources, name: str, columns: Sequence[str], most: int) -> TeacherPairs:
    """The pairs of a split, joined to the teacher's embeddings by id; some of them where there are more."""
    import pyarrow.parquet as pq

    image, text = columns
    path: Path = sources.prepared.splits[name].path
    table = pq.read_table(path, columns=["id", image, text])
    predictions = load_embedding_predictions(sources.evaluated, name)
    ids = table["id"].to_pylist()
    kept, order = matched_rows(ids, predictions.ids, most, sources.evaluated, name)
    chosen = [ids[row] for row in kept]
    embedded = Paired(
        predictions.images[order],
        predictions.texts[order],
        predictions.image_of[order],
        predictions.text_of[order],
    )
    both = np.concatenate([embedded.images, embedded.texts], axis=1)
    require_finite(both, "embeddings", chosen, sources.evaluated, name)
    content: dict[str, list[Any]] = table.take(kept).to_pydict()
    return TeacherPairs(chosen, content[image], content[text], embedded)


def budget_images(image_of: Numbers, share: float, seed: int) -> npt.NDArray[np.intp]:
    """Places, ascending, of the pairs of a share of the different images, at least two of them.

    Args:
        image_of: `[N]`, equal where images are.
        share: of the images, up to 1.
        seed: of the draw; the images of a smaller share are among those of a larger one.
    """
    different = np.unique(image_of)
    order = np.random.default_rng([seed, len(different)]).permutation(different)
    return np.flatnonzero(np.isin(image_of, order[: max(2, round(share * len(different)))]))
