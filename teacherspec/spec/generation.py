"""`params.yaml: evaluate.generation`, how answers are generated and compared with their references."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from teacherspec.spec.section import Section


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return pattern


class Sampling(Section):
    """Sampled answers, in addition to the greedy ones."""

    temperature: float = Field(default=0.7, gt=0.0, le=10.0)
    """Divides the logits."""

    top_p: float = Field(default=0.9, gt=0.0, le=1.0)
    """Tokens are sampled from the smallest set with this probability."""


class Generation(Section):
    """Generated answers to prompts of the test split, greedy and sampled, of teacher and untrained base."""

    rows: int = Field(default=200, ge=2, le=1_000_000)
    """Prompts of the test split that are answered at most, spread evenly over it, and as many of the
    calibration split, on which the confidence of whole answers is fitted."""

    max_new_tokens: int = Field(default=128, ge=1, le=131_072)
    """Longest answer, in tokens."""

    sampling: Sampling | None = Sampling()
    """How answers are sampled; null for none."""

    extract: Annotated[str, Field(max_length=1000), AfterValidator(_compiles)] | None = None
    """Regular expression of what counts in an answer, such as a final number `#### (-?[\\d.,]+)`: the first
    group of its last match. Omit to compare whole answers."""

    bleu_tokenizer: Literal["auto", "13a", "intl", "char", "zh", "none"] = "auto"
    """sacrebleu's tokenizer for BLEU. `auto`: by the script of the references, `13a` for Latin letters, `zh`
    for Chinese, `char` for other scripts without spaces between words, `intl` for the rest."""

    rouge_tokenizer: Literal["auto", "latin", "unicode"] = "auto"
    """`latin` is that of published numbers and sees only `[a-z0-9]`; `unicode` sees words of any script;
    `auto`: `latin` where it sees the letters of the references."""

    shown: int = Field(default=10, ge=0, le=200)
    """Answers in the report."""
