"""The ONE list of the kinds of task."""

from teacherspec.tasks.text_classification import TextClassification

KINDS = (TextClassification,)
"""Every kind."""

Task = TextClassification
"""Any declared task. With a second kind: `Annotated[A | B, Field(discriminator="kind")]`."""
