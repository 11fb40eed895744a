"""What a declared task tells without any model: what `check` and `prepare` need."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from teacherspec.tasks.shared.columns.row_schema import RowSchema

OutputType = Literal["classification", "generation", "multi_label", "regression", "retrieval", "tagging"]
"""What predictions hold: `classification`, one logit a class and one label a row; `generation`, statistics of
the logits of each supervised token; `multi_label`, one logit a label and any number of labels a row;
`regression`, one score a row; `retrieval`, the embeddings of the image and the text of a row; `tagging`, one
logit a tag and one tag for each word of a row."""


class Declaration(ABC):
    """The properties of a kind of task that are known before any file is read."""

    if TYPE_CHECKING:
        kind: str

    output_type: ClassVar[OutputType]
    """Entry of each stage's table that evaluates, reports and packages the predictions."""

    hub_task: ClassVar[str]
    """The task's name on the Hugging Face hub."""

    selection_metrics: ClassVar[Mapping[str, bool]]
    """Metrics of validation that may select a checkpoint → whether higher is better."""

    has_new_head: ClassVar[bool] = True
    """Whether parameters outside the backbone are initialised anew, and therefore always fully trained."""

    augments_images: ClassVar[bool] = False
    """Whether `finetune.augmentation` applies to the training examples."""

    @abstractmethod
    def row_schema(self) -> RowSchema:
        """The columns of a row, which `prepare` validates and stores."""
