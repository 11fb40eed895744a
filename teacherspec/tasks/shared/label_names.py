"""The label names of a classification task, as declared."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice: every class needs a name of its own")
    return names


LabelName = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$")]
LabelNames = Annotated[tuple[LabelName, ...], Field(min_length=2), AfterValidator(_distinct)]
"""At least two distinct names, none blank or with spaces around it."""
