"""Recall and NLL of the students of all arms on a split, image by image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.probe.outcome import RowScores

Float32 = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

QUERIES_AT_ONCE = 512


@dataclass(frozen=True)
class Gallery:
    """The different images and texts of a split, and which belong together.

    Attributes:
        images: `[U]` places of the rows in which a different image comes first.
        texts: `[V]` the same of texts.
        right: `[U, V]`, not 0 where a row has both.
        image_of_text: `[V]` the image, of the U, of the row in which a text comes first.
    """

    images: npt.NDArray[np.intp]
    texts: npt.NDArray[np.intp]
    right: csr_matrix
    image_of_text: npt.NDArray[np.intp]

    @staticmethod
    def of(image_of: Numbers, text_of: Numbers) -> "Gallery":
        """The gallery of N pairs with numbers `[N]` that are equal for equal images, or texts."""
        _, images, image = np.unique(image_of, return_index=True, return_inverse=True)
        _, texts, text = np.unique(text_of, return_index=True, return_inverse=True)
        ones = np.ones(len(image_of), np.float32)
        right = csr_matrix((ones, (image, text)), (len(images), len(texts)))
        return Gallery(images, texts, right, image[texts])

    def by_image(self, of_images: Float32, of_texts: Float32) -> Float32:
        """One value an image `[U]`, whose mean is the mean of both directions' means.

        Args:
            of_images: `[U]` values of images as queries.
            of_texts: `[V]` values of texts as queries.
        """
        sums = np.bincount(self.image_of_text, of_texts, len(self.images))
        mean: Float32 = (of_images / 2 + sums * len(self.images) / len(self.texts) / 2).astype(np.float32)
        return mean


def ranks_and_nlls(
    queries: Float32, candidates: Float32, right: csr_matrix, scale: float
) -> tuple[Numbers, Float32]:
    """Rank of the first right candidate of each query, and the NLL of finding any of them, nats.

    Ranks begin with 1; wrong candidates that are as near count as nearer, as in `evaluate`.

    Args:
        queries: `[Q, D]` of length 1.
        candidates: `[M, D]` of length 1.
        right: `[Q, M]`, not 0 where a candidate is right.
        scale: factor of the cosines.
    """
    ranks, nlls = np.empty(len(queries), np.int64), np.empty(len(queries), np.float32)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = slice(start, start + QUERIES_AT_ONCE)
        near = queries[part] @ candidates.T
        is_right = right[part].toarray() > 0
        of_right = np.where(is_right, near, -np.inf)
        ranks[part] = 1 + ((near >= of_right.max(1, keepdims=True)) & ~is_right).sum(1)
        nlls[part] = logsumexp(scale * near, axis=1) - logsumexp(scale * of_right, axis=1)
    return ranks, nlls


def pair_scores(images: Float32, texts: Float32, scales: Float32, gallery: Gallery) -> RowScores:
    """Scores `[1, 1, A, U]` of each image: recall at 1, NLL, and recall at more.

    Args:
        images: `[A, U, D]` of length 1.
        texts: `[A, V, D]` of length 1.
        scales: `[A]` factors of the cosines.
        gallery: what belongs together.
    """
    backwards = gallery.right.T.tocsr()
    recalls: dict[int, list[Float32]] = {k: [] for k in RECALLED}
    nlls = []
    for own_images, own_texts, scale in zip(images, texts, scales, strict=True):
        ranks, nll = ranks_and_nlls(own_images, own_texts, gallery.right, float(scale))
        ranks_back, nll_back = ranks_and_nlls(own_texts, own_images, backwards, float(scale))
        nlls.append(gallery.by_image(nll, nll_back))
        for k, found in recalls.items():
            hits, hits_back = ((one <= k).astype(np.float32) for one in (ranks, ranks_back))
            found.append(gallery.by_image(hits, hits_back))
    by_k = {k: np.stack(found)[None, None] for k, found in recalls.items()}
    first, *further = RECALLED
    return RowScores(
        score=by_k[first],
        nll=np.stack(nlls)[None, None],
        further={f"recall_at_{k}": by_k[k] for k in further},
    )
