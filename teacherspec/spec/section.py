"""The base of every section of the declaration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A block of `params.yaml`: unknown keys refused, values never coerced, never changed after reading.

    Field docstrings state meaning and unit; they become the descriptions of the JSON Schema.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
