"""Teachers' embeddings in the width of a student's."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from teacherspec.spec.probe.students import DualEncoder, ImageEmbedder

Float32 = npt.NDArray[np.float32]


def narrowed(first: Float32, second: Float32, width: int) -> tuple[Float32, Float32]:
    """Embeddings `[N, width]` and `[M, width]` of length 1, by one linear map fitted on both together.

    The map takes the leading right singular vectors, which keep inner products best among all maps to this
    width (Eckart & Young 1936); both sets weigh the same in sum.

    Args:
        first: `[N, D]`.
        second: `[M, D]`.
        width: at most D.
    """
    both = [one.astype(np.float64) for one in (first, second)]
    _, vectors = np.linalg.eigh(sum(one.T @ one / len(one) for one in both))  # ascending
    mapped = [one @ vectors[:, ::-1][:, :width] for one in both]
    images, texts = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in mapped)
    return images.astype(np.float32), texts.astype(np.float32)


def too_wide(students: Mapping[int, DualEncoder | ImageEmbedder], width: int) -> Iterator[str]:
    """Students whose embeddings are wider than the teacher's.

    Args:
        students: place among those declared → student.
        width: of the teacher's embeddings.
    """
    for place, student in students.items():
        if student.width > width:
            yield (
                f"probe.students.{place}.width: {student.width} is more than the teacher's embeddings have; "
                f"declare {width} at most"
            )
