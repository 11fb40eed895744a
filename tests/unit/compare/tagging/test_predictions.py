"""Comparison of two taggers on the rows that both have, against seqeval and the logits themselves."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities

from teacherspec.compare.paired_predictions import SideArtifacts, Sides
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.compare.tagging.predictions import compare_predictions
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.tagging import OUTPUT_TYPE, TagPredictions, save_tag_predictions
from teacherspec.runtime.atomic_io import write_json

TAGS = ("O", "B-DATE", "I-DATE", "B-PLACE", "I-PLACE")
ROWS = 50
DRAW = np.random.default_rng(0)
WORDS = DRAW.integers(3, 9, ROWS)
GIVEN = [["O", "B-DATE", "I-DATE", "O", "B-PLACE", "O", "B-DATE", "B-PLACE"][:count] for count in WORDS]
LABELS = np.array([TAGS.index(tag) for row in GIVEN for tag in row], np.int32)
TEMPERATURE = 1.5


def tagger(skill: float, seed: int) -> npt.NDArray[np.float32]:
    """Logits of every word `[W, C]`, those of the right tag higher by `skill`."""
    logits = np.random.default_rng(seed).normal(size=(len(LABELS), len(TAGS))).astype(np.float32)
    logits[np.arange(len(LABELS)), LABELS] += skill
    return logits


def written(folder: Path, logits: npt.NDArray[np.float32], cut: int = 0) -> SideArtifacts:
    """The artifacts of a side that does not read the last `cut` words of the first row."""
    read = np.ones(len(LABELS), np.bool_)
    read[WORDS[0] - cut : WORDS[0]] = False
    ids = [f"r{row}" for row in range(ROWS)]
    (folder / "predictions").mkdir(parents=True)
    save_tag_predictions(
        folder / "predictions/test.parquet", TagPredictions(ids, WORDS, LABELS, read, logits[read])
    )
    save_index(folder, PredictionIndex(TAGS, {"test": "test"}, {"test": ROWS}, OUTPUT_TYPE))
    write_json(
        folder / "calibration.json", {"calibrator": {"kind": "temperature", "temperature": TEMPERATURE}}
    )
    return SideArtifacts(folder.name, folder, folder / "calibration.json", {})


def compared(before: SideArtifacts, after: SideArtifacts) -> tuple[PredictionDiff, list[str]]:
    not_compared: list[str] = []
    found = compare_predictions(Sides(before, after, frozenset(), None), not_compared)
    return found, not_compared


def spelt(logits: npt.NDArray[np.float32]) -> list[list[str]]:
    tags = [TAGS[tag] for tag in logits.argmax(axis=1)]
    ends = np.cumsum(WORDS)
    return [tags[end - count : end] for end, count in zip(ends, WORDS, strict=True)]


def test_entities_and_words_are_those_of_the_logits(tmp_path: Path) -> None:
    weak, strong = tagger(1.0, 1), tagger(3.0, 2)
    found, not_compared = compared(written(tmp_path / "a", weak), written(tmp_path / "b", strong))
    tests = {test.metric: test for test in found.tests}
    assert not_compared == []
    assert tests.keys() <= reported_names("tagging", {"test": "test"}).all
    for at, logits in enumerate((weak, strong)):
        f1 = tests["evaluate.test.f1"]
        assert (f1.before, f1.after)[at] == pytest.approx(f1_score(GIVEN, spelt(logits)))
        raw, after = (
            -log_softmax(logits.astype(float) / scale, axis=1)[np.arange(len(LABELS)), LABELS].mean()
            for scale in (1.0, TEMPERATURE)
        )
        nll, calibrated = tests["evaluate.test.nll"], tests["calibrate.test.nll.after"]
        assert (nll.before, nll.after)[at] == pytest.approx(raw, rel=1e-5)
        assert (calibrated.before, calibrated.after)[at] == pytest.approx(after, rel=1e-5)
    assert tests["evaluate.test.f1"].differs
    assert tests["evaluate.test.f1"].rows == ROWS


def test_a_row_flips_where_all_its_entities_become_right(tmp_path: Path) -> None:
    weak, strong = tagger(1.0, 1), tagger(3.0, 2)
    found, _ = compared(written(tmp_path / "a", weak), written(tmp_path / "b", strong))
    (flips,) = [split for split in found.flips if split.split == "test"]
    right = [
        np.array(
            [get_entities(own) == get_entities(row) for own, row in zip(spelt(logits), GIVEN, strict=True)]
        )
        for logits in (weak, strong)
    ]
    assert len(flips.wrong_to_right) == int((~right[0] & right[1]).sum()) > 0
    assert len(flips.right_to_wrong) == int((right[0] & ~right[1]).sum())
    assert "(DATE)" in flips.wrong_to_right[0].label


def test_words_that_one_side_cut_leave_entities_to_compare(tmp_path: Path) -> None:
    logits = tagger(1.0, 1)
    found, not_compared = compared(written(tmp_path / "a", logits), written(tmp_path / "b", logits, cut=2))
    assert "read other words" in not_compared[0]
    assert not [test.metric for test in found.tests if test.metric.endswith(".nll")]
