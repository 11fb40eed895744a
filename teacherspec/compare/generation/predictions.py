"""Compare two language models on the same rows: losses of the reference answers, and generated answers."""

from collections.abc import Sequence

import numpy as np

from teacherspec.calibrators.answer_confidence import answer_confidences
from teacherspec.compare.flips_and_slices import Flip, Flips, flipped
from teacherspec.compare.generation.metric_tests import answer_tests, token_tests
from teacherspec.compare.generation.pairing import AnswerPair, pair_answers
from teacherspec.compare.paired_predictions import Sides
from teacherspec.compare.paired_tests import Hits
from teacherspec.compare.prediction_diff import PredictionDiff, SplitDiff, compare_splits
from teacherspec.predictions.generation import TokenPredictions, load_token_predictions


def compare_predictions(sides: Sides, not_compared: list[str]) -> PredictionDiff:
    """Tests of token losses and answers; flips and slices by whether the generated answer is correct.

    Args:
        sides: whose predictions are of generated text.
        not_compared: gets a sentence for everything that cannot be compared.
    """

    def compare(split: str, before: TokenPredictions, after: TokenPredictions, ids: list[str]) -> SplitDiff:
        tests = list(token_tests(sides, split, (before, after), ids, not_compared))
        pairs = pair_answers(sides, split)
        if len(pairs) < 2:
            return SplitDiff(tests)
        right = [np.array([one.correct for one in side]) for side in zip(*pairs, strict=True)]
        correct = right[0], right[1]
        tests += answer_tests(sides, split, pairs, correct, not_compared)
        hits = ([one.id for one, _ in pairs], *correct)
        return SplitDiff(tests, _flips(sides, split, pairs, correct), hits)

    return compare_splits(
        sides, not_compared, lambda side, split: load_token_predictions(side.predictions, split), compare
    )


def _flips(sides: Sides, split: str, pairs: Sequence[AnswerPair], correct: tuple[Hits, Hits]) -> Flips:
    confidences = [
        answer_confidences(answers, side.temperature, side.calibration_file["answers"])
        for answers, side in zip(zip(*pairs, strict=True), sides.both, strict=True)
    ]

    def flip(row: int) -> Flip:
        after = pairs[row][1]
        answers = [(one.text, float(confidences[at][row])) for at, one in enumerate(pairs[row])]
        return Flip(after.id, after.prompt, after.references[0], answers[0], answers[1])

    return flipped(split, *correct, flip, free_text=True)
