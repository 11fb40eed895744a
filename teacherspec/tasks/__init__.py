"""The ONE list of the kinds of task."""

from teacherspec.tasks.text_classification import TextClassification

Task = TextClassification
"""Any task. With a second kind: `Annotated[A | B, Field(discriminator="kind")]`."""
