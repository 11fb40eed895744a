"""What a declaration may ask of the metrics of texts is what they support."""

from typing import get_args

from teacherspec.metrics.text_generation import RougeTokenizer
from teacherspec.spec.generation import Generation


def test_the_declared_rouge_tokenizers_are_the_supported_ones() -> None:
    assert get_args(Generation.model_fields["rouge_tokenizer"].annotation) == get_args(RougeTokenizer)
