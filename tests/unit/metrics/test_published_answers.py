"""Measures of text on real published answers: whoever copies a definition wrongly, misses their numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from teacherspec.metrics.text_generation import exact_match, extract, rouge

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "gen"

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=f"no real rows at {SHARED}")

FINAL = r"(?:####|A:)\s*(-?[\d.,]+)"
PUBLISHED = {
    "6b_finetuning": 21.68, "6b_verification": 39.04, "175b_finetuning": 34.72, "175b_verification": 56.25,
}  # fmt: skip
"""Accuracies of the authors' systems on GSM8K's test questions, % (Cobbe et al. 2021)."""


def lines(path: str) -> list[dict]:
    return [json.loads(line) for line in (SHARED / path).read_text(encoding="utf-8").splitlines()]


def test_the_final_number_gives_the_published_accuracies_row_by_row():
    rows = lines("gsm8k/example_model_solutions.jsonl")
    for name, percent in PUBLISHED.items():
        given = [exact_match(row[name]["solution"], [row["ground_truth"]], pattern=FINAL) for row in rows]
        assert given == [row[name]["is_correct"] for row in rows], name
        assert round(100 * float(np.mean(given)), 2) == percent


def test_the_examples_own_pattern_reads_every_reference():
    pattern = r"####\s*(-?[\d.,]+)"  # examples/gsm8k/params.yaml
    for file in ("train", "test"):
        rows = lines(f"gsm8k/{file}.jsonl")
        assert all(extract(pattern, row["answer"]) for row in rows)
        assert all(exact_match(row["answer"], [row["answer"]], pattern=pattern) for row in rows)


def test_several_references_of_a_summary_count_by_the_best_of_them():
    rows = lines("scitldr/test.jsonl")[:60]
    assert {len(row["target"]) for row in rows} == {2, 3, 4}
    for row in rows:
        references = row["target"]
        first = " ".join(row["source"][:1])
        together, apart = rouge(first, references), [rouge(first, [one]) for one in references]
        for name in ("rouge1", "rouge2"):
            assert together[name] == max(one[name] for one in apart)
        for one in references:  # each of the references is a perfect answer, whichever comes first
            assert rouge(one, references)["rouge1"] == pytest.approx(1.0)
