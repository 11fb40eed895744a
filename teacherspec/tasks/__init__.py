"""The ONE list of the kinds of task."""

from typing import Annotated

from pydantic import Field

from teacherspec.tasks.image_classification import ImageClassification
from teacherspec.tasks.text_classification import TextClassification

KINDS = (ImageClassification, TextClassification)
"""Every kind."""

Task = Annotated[ImageClassification | TextClassification, Field(discriminator="kind")]
"""Any declared task: `task.kind` says which."""
