"""What the report of `base` shows of an untrained language model."""

from pathlib import Path

from datasets import Dataset

from teacherspec.base.generation.baseline import measure_baseline
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.pipeline.causal_lm.toys import lm_base, task


def test_rows_that_share_a_prompt_are_answered_once(tmp_path: Path) -> None:
    """Data sets with several references have a row for each of them."""
    prompts = [f"What is {number // 4}?" for number in range(12)] + ["What else?"]
    rows = Dataset.from_dict(
        {"id": [str(n) for n in range(13)], "prompt": prompts, "completion": ["Blue."] * 13}
    )
    model, tokenizer = task().load_base(lm_base(tmp_path), (), ModelInit())
    measured = measure_baseline(task(), model, tokenizer, rows, rows)
    assert [shown["prompt"] for shown in measured["answers"]] == ["What is 0?", "What is 1?", "What is 2?"]
    assert measured["measured_on"] == 13
