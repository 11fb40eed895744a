"""The scanned digits that come with scikit-learn: real images to try the pipeline without a network."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from teacherspec.prepare.row_types import AnyRow, OpenTable, Row, Table
from teacherspec.spec.prepare.sources import DigitsSource
from teacherspec.tasks.shared.image_decoding import encode_png

LEVELS = 16
"""Greatest grey level of a scan."""


def tables(_source: DigitsSource, _root: Path) -> list[Table]:
    """One table."""
    return [Table("digits", counts_lines=False, open=_open)]


@contextmanager
def _open(_wanted: Collection[str]) -> Iterator[OpenTable]:
    yield OpenTable(("image", "label"), _rows())


def _rows() -> Iterator[AnyRow]:
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    scans, labels = load_digits().images, load_digits().target
    for number, (scan, label) in enumerate(zip(scans, labels, strict=True), start=1):
        grey = Image.fromarray(np.rint(scan * (255 / LEVELS)).astype(np.uint8))
        yield Row(number, {"image": encode_png(grey), "label": str(label)})
