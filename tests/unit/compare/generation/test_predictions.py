"""Comparison of two language models, against numpy, scipy and sacrebleu on the same logits and answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sacrebleu
import torch
from scipy.special import log_softmax
from scipy.stats import binomtest

from teacherspec.compare.compare import TeacherDiff, as_json
from teacherspec.compare.flips_and_slices import without_content
from teacherspec.compare.generation.predictions import compare_predictions
from teacherspec.compare.paired_predictions import SideArtifacts, Sides
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.compare.report.html import as_html
from teacherspec.compare.report.markdown import as_markdown
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.predictions.generation import Answer, TokenPredictions, save_answers, save_token_predictions
from teacherspec.predictions.index import PredictionIndex, save_index
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.runtime.atomic_io import write_json
from teacherspec.text.logit_moments import token_sums

ROWS, VOCABULARY = 60, 12
TEMPERATURES = (1.6, 0.8)


@dataclass(frozen=True)
class Model:
    """The outputs of one model: logits `[T, V]`, labels and row `[T]`, and answers."""

    logits: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    answers: Sequence[Answer]

    def nll(self, temperature: float = 1.0) -> npt.NDArray[np.float64]:
        """Of every token."""
        log_probs = log_softmax(self.logits.astype(np.float64) / temperature, axis=1)
        return -log_probs[np.arange(len(self.labels)), self.labels]


def model(skill: float, seed: int, lengths: npt.NDArray[np.int64]) -> Model:
    drawn = np.random.default_rng(seed)
    row = np.repeat(np.arange(len(lengths)), lengths)
    labels = np.random.default_rng(0).integers(VOCABULARY, size=len(row))
    logits = drawn.normal(size=(len(row), VOCABULARY)).astype(np.float32)
    logits[np.arange(len(row)), labels] += skill
    answers = []
    for place in range(len(lengths)):
        correct = bool(drawn.random() < skill / 4)
        reference = f"the answer number {place} is blue"
        text = (
            reference if correct else f"the answer number {place} is {drawn.choice(['red', 'green'])} or so"
        )
        log_prob = tuple(float(value) for value in -drawn.random() * GRID)
        answers.append(
            Answer(f"r{place}", f"what is {place}?", (reference,), text, "", 7, correct, correct, log_prob)
        )
    return Model(logits, labels, row, answers)


def written(
    folder: Path,
    own: Model,
    temperature: float,
    declared: Mapping[str, Any] | None = None,
    prompt: npt.NDArray[np.int64] | None = None,
) -> SideArtifacts:
    """The artifacts of a side."""
    sums = token_sums(
        torch.from_numpy(own.logits), torch.from_numpy(own.labels), torch.from_numpy(np.asarray(GRID))
    )
    ids = [one.id for one in own.answers]
    kept = TokenPredictions(
        ids,
        np.bincount(own.row),
        *(part.numpy() for part in sums[:4]),
        betas=GRID,
        sums=sums.sums.numpy(),
        prompt=np.arange(len(ids)) if prompt is None else prompt,
    )
    (folder / "predictions").mkdir(parents=True)
    (folder / "answers").mkdir()
    save_token_predictions(folder, "test", kept)
    save_answers(folder, "test", own.answers)
    save_index(folder, PredictionIndex((), {"test": "test"}, {"test": len(ids)}, "generation"))
    calibrator = {"kind": "temperature", "temperature": temperature}
    write_json(folder / "calibration.json", {"calibrator": calibrator, "answers": None})
    return SideArtifacts(folder.name, folder, folder / "calibration.json", declared or {})


LENGTHS = np.random.default_rng(1).integers(1, 9, size=ROWS)
BEFORE, AFTER = model(1.0, 2, LENGTHS), model(3.0, 3, LENGTHS)


def compared(
    folder: Path, before: Model, after: Model, edited: frozenset[str] = frozenset()
) -> tuple[PredictionDiff, list[str]]:
    sides = [
        written(folder / name, own, temperature)
        for name, own, temperature in zip(("a", "b"), (before, after), TEMPERATURES, strict=True)
    ]
    not_compared: list[str] = []
    return compare_predictions(Sides(sides[0], sides[1], edited, None), not_compared), not_compared


def by_metric(found: PredictionDiff) -> Mapping[str, PairedTest]:
    return {test.metric: test for test in found.tests}


def test_answers_to_one_prompt_are_resampled_together(tmp_path: Path) -> None:
    """Rows that are repeated as answers to the same prompts narrow no interval."""

    def width(name: str, copies: int, prompt: npt.NDArray[np.int64]) -> Mapping[str, float]:
        lengths = np.tile(LENGTHS, copies)
        sides = []
        for side, own, temperature in zip(("a", "b"), (BEFORE, AFTER), TEMPERATURES, strict=True):
            answers = [replace(own.answers[0], id=f"r{place}") for place in range(len(lengths))]
            row = np.repeat(np.arange(len(lengths)), lengths)
            repeated = Model(np.tile(own.logits, (copies, 1)), np.tile(own.labels, copies), row, answers)
            sides.append(written(tmp_path / name / side, repeated, temperature, prompt=prompt))
        tests = by_metric(compare_predictions(Sides(sides[0], sides[1], frozenset(), None), []))
        names = ("evaluate.test.nll", "evaluate.test.nll_per_answer", "calibrate.test.nll.after")
        assert all(tests[metric].rows == len(lengths) for metric in names)
        return {metric: tests[metric].difference.high - tests[metric].difference.low for metric in names}

    rows = np.arange(ROWS)
    once, often = width("once", 1, rows), width("often", 4, np.tile(rows, 4))
    assert often == pytest.approx(once, rel=1e-6)
    as_rows = width("rows", 4, np.arange(4 * ROWS))
    assert all(as_rows[metric] < 0.7 * often[metric] for metric in often), "independent rows would halve it"


def test_losses_are_those_of_the_logits_of_the_common_rows(tmp_path: Path) -> None:
    edited = frozenset({"r3", "r40"})
    found, not_compared = compared(tmp_path, BEFORE, AFTER, edited)
    assert not not_compared
    assert found.left_out == {"test": 2}
    tests, kept = by_metric(found), ~np.isin(BEFORE.row, [3, 40])
    nll = tests["evaluate.test.nll"]
    calibrated = tests["calibrate.test.nll.after"]
    whole = tests["evaluate.test.nll_per_answer"]
    for at, own in enumerate((BEFORE, AFTER)):
        assert (nll.before, nll.after)[at] == pytest.approx(own.nll()[kept].mean(), rel=1e-5)
        of_row = np.bincount(own.row[kept], weights=own.nll()[kept])
        assert (whole.before, whole.after)[at] == pytest.approx(of_row[of_row > 0].mean(), rel=1e-5)
        expected = own.nll(TEMPERATURES[at])[kept].mean()
        assert (calibrated.before, calibrated.after)[at] == pytest.approx(expected, rel=1e-4)
        hit = (own.logits.argmax(axis=1) == own.labels)[kept].mean()
        accuracy = tests["evaluate.test.accuracy"]
        assert (accuracy.before, accuracy.after)[at] == pytest.approx(hit)
    assert nll.rows == ROWS - 2
    assert nll.differs
    assert nll.difference.low <= nll.after - nll.before <= nll.difference.high < 0


def test_answers_are_compared_by_an_exact_test_and_flips_hold_their_texts(tmp_path: Path) -> None:
    found, _ = compared(tmp_path, BEFORE, AFTER)
    lost = [a.id for a, b in zip(BEFORE.answers, AFTER.answers, strict=True) if a.correct and not b.correct]
    won = [b.id for a, b in zip(BEFORE.answers, AFTER.answers, strict=True) if b.correct and not a.correct]
    (flips,) = found.flips
    assert sorted(flip.id for flip in flips.right_to_wrong) == sorted(lost)
    assert sorted(flip.id for flip in flips.wrong_to_right) == sorted(won)
    assert won
    match = by_metric(found)["evaluate.test.generated.exact_match"]
    assert match.p_value == pytest.approx(binomtest(len(won), len(won) + len(lost)).pvalue)
    flip = flips.wrong_to_right[0]
    answer = next(one for one in AFTER.answers if one.id == flip.id)
    assert (flip.text, flip.label, flip.after[0]) == (answer.prompt, answer.references[0], answer.text)
    sure = np.exp(np.interp(1 / TEMPERATURES[1], GRID, answer.log_prob))
    assert flip.after[1] == pytest.approx(sure, rel=1e-5)
    bare = without_content(flips)
    words = {
        part for one in bare.wrong_to_right for part in (one.text, one.label, one.before[0], one.after[0])
    }
    assert words == {""}
    assert bare.wrong_to_right[0].after[1] == flip.after[1]


def test_corpus_scores_are_those_of_sacrebleu(tmp_path: Path) -> None:
    tests = by_metric(compared(tmp_path, BEFORE, AFTER)[0])
    for metric, scorer in (("bleu", sacrebleu.corpus_bleu), ("chrf", sacrebleu.corpus_chrf)):
        test = tests[f"evaluate.test.generated.{metric}"]
        for at, own in enumerate((BEFORE, AFTER)):
            texts, references = (
                [one.text for one in own.answers],
                [one.references[0] for one in own.answers],
            )
            assert (test.before, test.after)[at] == pytest.approx(scorer(texts, [references]).score)
        assert test.differs


def test_scores_of_different_tokenizers_are_not_compared_and_this_is_reported(tmp_path: Path) -> None:
    declared = {"generation": {"bleu_tokenizer": "intl"}}
    sides = written(tmp_path / "a", BEFORE, 1.0), written(tmp_path / "b", AFTER, 1.0, declared)
    not_compared: list[str] = []
    tests = by_metric(compare_predictions(Sides(sides[0], sides[1], frozenset(), None), not_compared))
    assert "evaluate.test.generated.chrf" in tests
    assert "evaluate.test.generated.bleu" not in tests
    assert "13a" in not_compared[0]
    assert "intl" in not_compared[0]


def test_every_tested_metric_is_one_that_is_reported(tmp_path: Path) -> None:
    found, _ = compared(tmp_path, BEFORE, AFTER)
    assert by_metric(found).keys() <= reported_names("generation", {"test": "test"}).all


def test_a_model_against_itself_differs_in_nothing(tmp_path: Path) -> None:
    sides = [written(tmp_path / name, AFTER, 1.6) for name in ("a", "b")]
    found = compare_predictions(Sides(sides[0], sides[1], frozenset(), None), [])
    assert not found.tests
    assert len(found.unchanged) > 5
    assert not found.flips[0].wrong_to_right


def test_with_other_tokens_only_whole_answers_are_compared_and_this_is_reported(tmp_path: Path) -> None:
    found, not_compared = compared(tmp_path, BEFORE, model(3.0, 3, LENGTHS[::-1].copy()))
    losses = {metric for metric in by_metric(found) if ".generated." not in metric}
    assert losses == {"evaluate.test.nll_per_answer"}
    assert "different tokens" in " ".join(not_compared)


def test_answers_to_other_prompts_are_not_compared(tmp_path: Path) -> None:
    changed = [*AFTER.answers[:-1], Answer(**{**vars(AFTER.answers[-1]), "references": ("another",)})]
    found, _ = compared(tmp_path, BEFORE, Model(AFTER.logits, AFTER.labels, AFTER.row, changed))
    assert by_metric(found)["evaluate.test.generated.exact_match"].rows == ROWS - 1


def as_text(diff: TeacherDiff, *, texts: bool) -> str:
    return json.dumps(as_json(diff, texts=texts))


@pytest.mark.parametrize("render", [as_markdown, as_html, as_text])
def test_answers_are_shown_and_hidden_with_the_texts(tmp_path: Path, render: Callable[..., str]) -> None:
    diff = TeacherDiff(
        base="a",
        head="b",
        missing_commits=None,
        params=(),
        environment=(),
        stages=(),
        numbers=(),
        gates=(),
        same_predictions=False,
        predictions=compared(tmp_path, BEFORE, AFTER)[0],
        data=None,
        same_data=True,
        curves=(),
        images=(),
        not_compared=(),
    )
    flip = diff.predictions.flips[0].wrong_to_right[0]
    shown, hidden = (render(diff, texts=texts) for texts in (True, False))
    for words in (flip.text, flip.label, flip.before[0]):
        assert words in shown
        assert words not in hidden
    assert flip.id in hidden
    assert "evaluate.test.generated.bleu" in hidden
