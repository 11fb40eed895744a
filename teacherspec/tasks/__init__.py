"""The ONE list of the kinds of task."""

from typing import Annotated

from pydantic import Field

from teacherspec.tasks.causal_lm import CausalLM
from teacherspec.tasks.clip import Clip
from teacherspec.tasks.clip_retrieval import ClipRetrieval
from teacherspec.tasks.image_classification import ImageClassification
from teacherspec.tasks.text_classification import TextClassification
from teacherspec.tasks.vision_language import VisionLanguage

KINDS = (CausalLM, Clip, ClipRetrieval, ImageClassification, TextClassification, VisionLanguage)
"""Every kind."""

Task = Annotated[
    CausalLM | Clip | ClipRetrieval | ImageClassification | TextClassification | VisionLanguage,
    Field(discriminator="kind"),
]
"""Any declared task: `task.kind` says which."""
