"""The ONE list of the kinds of task."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter

from teacherspec.tasks.causal_lm.task import CausalLM
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.clip_retrieval.task import ClipRetrieval
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.text_classification.task import TextClassification
from teacherspec.tasks.vision_language.task import VisionLanguage

KINDS: tuple[type[Kind], ...] = (
    CausalLM,
    Clip,
    ClipRetrieval,
    ImageClassification,
    TextClassification,
    VisionLanguage,
)
"""Every kind. A new one is added here, by one name, and nowhere else."""

if TYPE_CHECKING:
    Task = Kind
else:
    Task = Annotated[reduce(or_, KINDS), Field(discriminator="kind")]
"""Any declared task; the field `kind` selects its class."""


def parse_task(text: str | bytes) -> Kind:
    """A task from JSON, as `provenance/spec.json` of a package holds it.

    Raises:
        pydantic.ValidationError: it is not a task, or its kind is not among `KINDS`.
    """
    task: Kind = TypeAdapter(Task).validate_json(text)
    return task
