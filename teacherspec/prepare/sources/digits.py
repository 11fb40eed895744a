"""The scanned digits that scikit-learn carries: real images for trying the road without a network."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from teacherspec.prepare.row_types import AnyRow, OpenTable, Row, Table
from teacherspec.prepare.sources.base import SourceBase
from teacherspec.tasks.shared.image_decoding import encode_png

LEVELS = 16
"""Greatest grey level of a scan."""


class DigitsSource(SourceBase):
    """1,797 digits written by 43 people, as grey images of 8×8 pixels. Columns: `image`, `label`.

    The test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998,
    https://doi.org/10.24432/C50P49, CC BY 4.0), as scikit-learn's `load_digits` gives it.
    """

    kind: Literal["digits"]
    """The format."""

    def tables(self, root: Path) -> list[Table]:
        """One table."""
        return [Table("digits", counts_lines=False, open=self._open)]

    @contextmanager
    def _open(self, wanted: Collection[str]) -> Iterator[OpenTable]:
        yield OpenTable(("image", "label"), _rows())


def _rows() -> Iterator[AnyRow]:
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    scans, labels = load_digits().images, load_digits().target
    for number, (scan, label) in enumerate(zip(scans, labels, strict=True), start=1):
        grey = Image.fromarray(np.rint(scan * (255 / LEVELS)).astype(np.uint8))
        yield Row(number, {"image": encode_png(grey), "label": str(label)})
