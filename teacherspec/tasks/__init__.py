"""The ONE list of the kinds of task."""

from typing import Annotated

from pydantic import Field

from teacherspec.tasks.causal_lm.task import CausalLM
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.clip_retrieval.task import ClipRetrieval
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.text_classification.task import TextClassification
from teacherspec.tasks.vision_language.task import VisionLanguage

KINDS = (CausalLM, Clip, ClipRetrieval, ImageClassification, TextClassification, VisionLanguage)
"""Every kind."""

Task = Annotated[
    CausalLM | Clip | ClipRetrieval | ImageClassification | TextClassification | VisionLanguage,
    Field(discriminator="kind"),
]
"""Any declared task: `task.kind` says which."""
