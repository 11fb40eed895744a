"""Image classification: one image, one of C labels.

A row as `prepare` stores it: `{"id": "d-0001", "image": b"\\x89PNG…", "label": 3}`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.image_classification.augmented_targets import write_views
from teacherspec.tasks.shared.classification_task import ClassificationTask
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.high_bit_images import IntensityRange
from teacherspec.tasks.shared.image_model_task import ImageModelTask
from teacherspec.tasks.shared.interfaces.capabilities import RecordedViews

if TYPE_CHECKING:
    from datasets import Dataset


class ImageClassification(ImageModelTask, ClassificationTask, RecordedViews):
    """Assign one of the label names to an image."""

    kind: Literal["image_classification"]
    """The kind of task; also the name of the module that implements it."""

    intensity_range: IntensityRange | None = None
    """Values of images of more than 8 bits a channel that become black and white, such as `{high: 4095}` for
    12 bits in files of 16; omit for the range of their type. Images of 8 bits stay as they are."""

    def row_schema(self) -> RowSchema:
        """An image, which decides the split of a row, and one of the labels."""
        image = ImageColumn("image", intensities=self.intensity_range)
        return self.labelled_rows((image,))

    def write_views(
        self, path: Path, model: Any, processor: Any, rows: "Dataset", augmentation: Augmentation, seed: int
    ) -> None:
        """Crops and flips of the training images with the teacher's logits, see `augmented_targets`."""
        write_views(path, model, processor, rows, augmentation, seed)
