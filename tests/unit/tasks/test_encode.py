"""Encoding a split costs its tokens: nothing pickles the tokenizer to name the result."""

from pathlib import Path

import datasets.arrow_dataset
import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from teacherspec.tasks.causal_lm.task import CausalLM
from teacherspec.tasks.text_classification.task import TextClassification
from tests.pipeline.causal_lm.toys import lm_base
from tests.toys.text import toy_base

TEXT = {"id": ["a"], "text": ["a short text"], "label": [1]}
CONVERSATION = {"id": ["a"], "prompt": ["What has the sky?"], "completion": [["The sky is blue."]]}


@pytest.mark.parametrize("kind", ["text_classification", "causal_lm"])
def test_the_result_is_not_named_by_a_hash_of_the_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def hashed(*_args: object) -> str:
        raise AssertionError("datasets computes a fingerprint")

    monkeypatch.setattr(datasets.arrow_dataset, "update_fingerprint", hashed)
    if kind == "causal_lm":
        language = CausalLM.model_validate_json(
            '{"kind": "causal_lm", "rendering": {"kind": "chat"}, "max_length": 64}'
        )
        processor = language.load_processor(lm_base(tmp_path / "base"))
        first, second = (language.encode(processor, Dataset.from_dict(CONVERSATION)) for _ in range(2))
    else:
        texts = TextClassification(kind="text_classification")
        processor = AutoTokenizer.from_pretrained(toy_base(tmp_path / "base"))
        first, second = (texts.encode(processor, Dataset.from_dict(TEXT)) for _ in range(2))
    assert first[0] == second[0]
    assert first[0]["input_ids"]
    assert first._fingerprint != second._fingerprint
