"""The label names of a classification task, as declared."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from teacherspec.text.look_alikes import difference, look_alikes, seen, spelt_out


def distinct_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names as given. Raises `ValueError` where two are equal, or look equal to a reader."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice: every class needs a name of its own")
    if pairs := look_alikes(names, seen):
        one, other = map(spelt_out, pairs[0])
        raise ValueError(f"{one} and {other} differ only in {difference(*pairs[0])}: nobody can see that")
    return names


LabelName = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$")]
LabelNames = Annotated[tuple[LabelName, ...], Field(min_length=2), AfterValidator(distinct_names)]
"""At least two distinct names, none blank or with spaces around it."""
