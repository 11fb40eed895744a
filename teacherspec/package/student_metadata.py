"""The part of `metadata.json` on the declared student, `package.student`."""

from typing import Literal

from teacherspec.package.metadata_fields import Count, Sha256
from teacherspec.spec.section import Section


class StudentDifference(Section):
    """One way in which the declared student's tokens are not the teacher's."""

    name: str
    """Of the comparison."""

    what: str
    """What is different."""

    breaks: str
    """What happens in training where it is not noticed."""

    remedy: str
    """What to do."""

    blocks: bool
    """Whether no distribution over tokens can be learned with it."""


class StudentVocabulary(Section):
    """Tokens of the declared student."""

    rows: Count
    """Rows of its embedding, and width of its logits."""

    tokens: Count
    """Number of tokens."""

    sha256: Sha256
    """Of the tokens with their ids."""


class DeclaredStudent(Section):
    """The comparison of the teacher with the student of `package.student`."""

    source: dict[str, str | bool]
    """Where its files are."""

    learns: Literal["logits", "text"]
    """What it was declared to learn from."""

    files: dict[str, Sha256]
    """File → SHA-256 of what was compared."""

    architecture: str
    """`model_type` of its config."""

    vocabulary: StudentVocabulary
    """Its tokens."""

    differences: tuple[StudentDifference, ...]
    """What is different; none where its tokens are the teacher's."""

    possible: tuple[str, ...]
    """What it can learn from this package."""
