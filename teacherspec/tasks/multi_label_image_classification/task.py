"""Multi-label image classification: one image, any of C labels.

A row as `prepare` stores it: `{"id": "d-0001", "image": b"\\x89PNG…", "labels": [1, 0, 1]}`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.high_bit_images import IntensityRange
from teacherspec.tasks.shared.image_model_task import ImageModelTask
from teacherspec.tasks.shared.multi_label_task import MultiLabelTask


class MultiLabelImageClassification(MultiLabelTask, ImageModelTask):
    """Assign any of the label names to an image."""

    problem_type: ClassVar[str] = "multi_label_classification"

    kind: Literal["multi_label_image_classification"]
    """The kind of task; also the name of the module that implements it."""

    intensity_range: IntensityRange | None = None
    """Values of images of more than 8 bits a channel that become black and white, such as `{high: 4095}` for
    12 bits in files of 16; omit for the range of their type. Images of 8 bits stay as they are."""

    def row_schema(self) -> RowSchema:
        """An image, which decides the split of a row, and its labels."""
        return self.labelled_rows((ImageColumn("image", intensities=self.intensity_range),))

    def given_labels(self, rows: Mapping[str, Any]) -> Any:
        """Zeros and ones `[C]` of a row; all 0 where its labels are not known."""
        return np.asarray(super().given_labels(rows), np.float32)
