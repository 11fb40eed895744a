"""`params.yaml: package.student`: the model that is to learn from a language model, as far as it is known."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from teacherspec.spec.base import HubModelSource, PathModelSource
from teacherspec.spec.section import Section


def _is_no_gguf(source: HubModelSource | PathModelSource) -> HubModelSource | PathModelSource:
    if source.gguf is not None:
        raise ValueError("a student is read from `config.json` and `tokenizer.json`: drop `gguf`")
    return source


StudentSource = Annotated[
    HubModelSource | PathModelSource, Field(discriminator="kind"), AfterValidator(_is_no_gguf)
]
"""Where a student is: a repository of the hub at a commit, or a folder."""


class Student(Section):
    """A student, whose tokenizer is compared with the teacher's before anything is trained."""

    source: StudentSource
    """Where its tokenizer and `config.json` are: `hub` (repository and commit) or `path` (folder). Its
    weights are neither fetched nor read."""

    learns: Literal["logits", "text"] = "logits"
    """What it learns from. `logits`: distributions over tokens, which must be the same tokens at the same
    positions; whatever prevents it is refused. `text`: the teacher's answers as text, which any tokenizer can
    read; differences are stated only."""
