"""Texts as sequences of ids of a student's own vocabulary: the most frequent words of the train rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from teacherspec.errors import DataError
from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.spec.probe.students import ReadsWords

PAD, UNKNOWN = 0, 1

SPECIAL = 2
"""Ids before the first word."""


@dataclass(frozen=True)
class WordRows:
    """Texts.

    Attributes:
        ids: of the words of each row, in their order; at least one.
        words: V, ids that exist, those of `PAD` and `UNKNOWN` included.
    """

    ids: Sequence[npt.NDArray[np.int64]]
    words: int

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """Ids `[B, L]` of some rows, padded at the end to the longest."""
        chosen = [self.ids[row] for row in rows]
        found = np.full((len(chosen), max(map(len, chosen))), PAD, np.int64)
        for place, ids in enumerate(chosen):
            found[place, : len(ids)] = ids
        return torch.from_numpy(found)


def encode(student: ReadsWords, train: Sequence[str], sets: Mapping[str, Sequence[str]]) -> dict[str, Inputs]:
    """Ids of all texts, with the vocabulary of the train texts, which are under `train`.

    Raises:
        DataError: no train text has a unit that the student reads.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    units = CountVectorizer(analyzer="word" if student.unit == "word" else "char").build_analyzer()
    counts = Counter(unit for text in train for unit in units(text))
    if not counts:
        raise DataError(
            f"probe.students: no train text has a {student.unit} of two letters or more; declare "
            "unit: character"
        )
    # Frequencies that are equal keep the order of first use.
    vocabulary = {unit: place + SPECIAL for place, (unit, _) in enumerate(counts.most_common(student.words))}

    def rows(texts: Sequence[str]) -> WordRows:
        ids = [
            [vocabulary.get(unit, UNKNOWN) for unit in units(text)][: student.length] or [UNKNOWN]
            for text in texts
        ]
        return WordRows([np.asarray(one, np.int64) for one in ids], len(vocabulary) + SPECIAL)

    return {"train": rows(train), **{name: rows(texts) for name, texts in sets.items()}}
