"""Text metrics: oracles by hand, and properties."""

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.metrics import text_generation

WORDS = st.lists(
    st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "dog"]), min_size=5, max_size=12
).map(" ".join)


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=2, max_size=5))
def test_scores_are_those_of_sacrebleu_with_any_number_of_references(rows):
    hypotheses, references = [row[0] for row in rows], [row[1] for row in rows]
    streams = [[refs[n] if n < len(refs) else None for refs in references] for n in range(3)]
    streams = [stream for stream in streams if any(stream)]
    assert (
        text_generation.bleu(hypotheses, references).score
        == sacrebleu.BLEU().corpus_score(hypotheses, streams).score
    )
    assert (
        text_generation.chrf(hypotheses, references).score
        == sacrebleu.CHRF().corpus_score(hypotheses, streams).score
    )


def test_resamples_are_scores_of_resampled_rows():
    hypotheses = ["the cat sat on the mat", "a dog is here now and then", "no"]
    references = [["the cat is on the mat"], ["a dog is here now and again"], ["yes it is"]]
    score = text_generation.bleu(hypotheses, references)
    draws = score.bootstrap(n_resamples=5, seed=1)
    generator = np.random.default_rng(1)
    for drawn in draws.resampled:
        rows = generator.integers(0, 3, size=3)
        again = text_generation.bleu([hypotheses[row] for row in rows], [references[row] for row in rows])
        assert drawn == pytest.approx(again.score, abs=1e-9)
    assert "tok:13a" in score.signature


def test_rouge_takes_the_best_reference():
    assert text_generation.rouge("a b c", ["x y", "a b c"])["rouge2"] == 1.0
    assert text_generation.rouge("a b c", ["x y"])["rouge1"] == 0.0


@pytest.mark.parametrize(
    ("sample", "lost"), [("plain words 12", 0.0), ("ок", 1.0), ("ab вг", 0.5), ("…", 0.0)]
)
def test_what_rouge_cannot_see_is_known(sample, lost):
    assert text_generation.rouge_lost_share([sample]) == lost


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("so 6 * 7\n#### 42", True),
        ("#### 41, no: #### 42", True),  # the last counts
        ("#### 1,042", False),
        ("42", False),  # nothing to extract is wrong, whatever it means
    ],
)
def test_exact_match_by_the_last_extracted_number(answer, right):
    assert text_generation.exact_match(answer, ["#### 42"], pattern=r"#### (-?[\d.,]+)") is right


def test_exact_match_ignores_only_form():
    assert text_generation.exact_match(" 1,000 ", ["1000."])
    assert not text_generation.exact_match("1000 m", ["1000"])


def test_a_reference_without_an_answer_is_refused():
    with pytest.raises(ValueError, match="matches in no reference"):
        text_generation.exact_match("#### 1", ["one"], pattern=r"#### (\d+)")


def test_repetition():
    assert text_generation.repeated_share([1, 2, 3, 4, 5]) == 0.0
    assert text_generation.repeated_share([7] * 13) == pytest.approx(1 - 1 / 10)
    assert text_generation.repeated_share([1, 2]) == 0.0


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_rows_without_references_are_refused(hypotheses, references):
    with pytest.raises(ValueError, match="expected at least one"):
        text_generation.bleu(hypotheses, references)
