"""The ONE list of the kinds of task; `plugins` adds those of installed packages."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import Field, TypeAdapter

from teacherspec.tasks.causal_lm.task import CausalLM
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.clip_retrieval.task import ClipRetrieval
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.multi_label_image_classification.task import MultiLabelImageClassification
from teacherspec.tasks.multi_label_text_classification.task import MultiLabelTextClassification
from teacherspec.tasks.plugins import with_installed
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.text_classification.task import TextClassification
from teacherspec.tasks.text_pair_classification.task import TextPairClassification
from teacherspec.tasks.text_pair_regression.task import TextPairRegression
from teacherspec.tasks.token_classification.task import TokenClassification
from teacherspec.tasks.vision_language.task import VisionLanguage

KINDS: tuple[type[Kind], ...] = (
    CausalLM,
    Clip,
    ClipRetrieval,
    ImageClassification,
    MultiLabelImageClassification,
    MultiLabelTextClassification,
    TextClassification,
    TextPairClassification,
    TextPairRegression,
    TokenClassification,
    VisionLanguage,
)
"""Every kind. A new one is added here, by one name, and nowhere else."""

NAMES: frozenset[str] = frozenset(get_args(kind.model_fields["kind"].annotation)[0] for kind in KINDS)
"""Theirs, which no installed package replaces."""

if TYPE_CHECKING:
    Task = Kind
else:
    Task = with_installed(Annotated[reduce(or_, KINDS), Field(discriminator="kind")], NAMES)
"""Any declared task; the field `kind` selects its class."""


def parse_task(text: str | bytes) -> Kind:
    """A task from JSON, as `provenance/spec.json` of a package holds it.

    Raises:
        pydantic.ValidationError: it is not a task, or its kind is not among `KINDS`.
    """
    task: Kind = TypeAdapter(Task).validate_json(text)
    return task
