"""The hashes by which rows are compared and split, each a function of its row alone."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.row_validation import CheckedRow
from teacherspec.tasks.shared.columns.base import ComparedValue, VisualColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema

Words = npt.NDArray[np.uint64]


class Hashes(NamedTuple):
    """Hashes of N rows, each `[N]`.

    `content` and `content_low` together are 128 bits of the normalised content; 64 bits each of the
    normalised answers or labels of tokens, the given id and the group; 0 where a row has none. The group of a
    pair of texts is its first text, where no other is given.
    """

    content: Words
    content_low: Words
    answer: Words
    identity: Words
    group: Words


class RowIndexer:
    """Computes hashes and sizes of validated rows."""

    def __init__(self, fields: RowSchema) -> None:
        """For rows of these fields."""
        self._content = fields.content
        # Rows of equal content with other scores or labels of tokens are different rows, as with answers.
        tokens = fields.token_labels()
        self._scores = fields.scores() if tokens is None else (tokens,)
        self._answers = (*fields.answers, *self._scores)
        self._pair_order = fields.pair_order
        self._images = [(fields.content.index(column), column) for column in fields.images()]

    def hashes(self, row: CheckedRow) -> bytes:
        """The hashes of one row, packed big-endian in the order of `Hashes`, then its signature."""
        return b"".join(
            (
                _hash(self._content_keys(row), 16),
                self._answer_hash(row),
                _hash([row.identity.encode()], 8) if row.identity is not None else _NO_HASH,
                self._group_hash(row),
                *[column.perceptual_hash(row.content[place]) for place, column in self._images],
            )
        )

    def _content_keys(self, row: CheckedRow) -> list[bytes]:
        """The key of each column; those of a pair in either order are sorted."""
        keys = _keys(self._content, row.content)
        return sorted(keys) if self._pair_order == "either" else keys

    def _answer_hash(self, row: CheckedRow) -> bytes:
        given = (*row.answers, *(row.label_details if self._scores else ()))
        if not given or len(given) < len(self._answers):  # rows for students alone have none
            return _NO_HASH
        return _hash(_keys(self._answers, given), 8)

    def _group_hash(self, row: CheckedRow) -> bytes:
        """That of the declared group, else of the first text of a pair."""
        if row.group is not None:
            return _hash([row.group.encode()], 8)
        if self._pair_order is None:
            return _NO_HASH
        return _hash(_keys(self._content[:1], row.content[:1]), 8)

    def size(self, row: CheckedRow) -> int:
        """Size of the content in characters and bytes."""
        return sum(rule.size(value) for rule, value in zip(self._content, row.content, strict=True))


def signature_words(rules: Sequence[VisualColumn]) -> tuple[str, ...]:
    """The names of the 64-bit words that the signatures of these columns consist of."""
    return tuple(f"{rule.name}.{at}" for rule in rules for at in range(rule.hash_bytes // 8))


def hash_text(text: str) -> int:
    """64 bits of the hash of a text."""
    return int.from_bytes(_hash([text.encode("utf-8", "surrogatepass")], 8), "big")


_NO_HASH = bytes(8)


def _keys(rules: Sequence[ComparedValue], values: Sequence[object]) -> list[bytes]:
    return [rule.key(value) for rule, value in zip(rules, values, strict=True)]


def _hash(parts: Sequence[bytes], size: int) -> bytes:
    """BLAKE2b of the parts; of several with their lengths, so that lists of parts are distinct."""
    if len(parts) == 1:
        return blake2b(parts[0], digest_size=size).digest()
    digest = blake2b(digest_size=size)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
