"""Types of fields that several parts of `metadata.json` have."""

from typing import Annotated

from pydantic import Field, StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
