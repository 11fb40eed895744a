"""The few numbers by which rows are judged, each a function of its row alone."""

from collections.abc import Sequence
from hashlib import blake2b

from teacherspec.prepare.checking import CheckedRow
from teacherspec.tasks.fields import Field, RowFields

INDEX = {
    "key_high": "uint64",
    "key_low": "uint64",
    "answer": "uint64",
    "digest": "uint64",
    "given_id": "uint64",
    "characters": "int32",
}
"""`key_high`, `key_low`: 128-bit hash of the normalised content. `answer`: hash of the normalised answers,
0 for tasks without. `digest`: hash of the row as it is, to choose among equals in whatever order they
came. `given_id`: hash of the id, 0 without one. `characters`: length of the content."""


class RowIndexer:
    """Turns checked rows into the numbers of `INDEX`, in its order."""

    def __init__(self, fields: RowFields) -> None:
        """Numbers for rows of these fields."""
        self._content = fields.content
        self._answers = fields.answers

    def numbers(self, row: CheckedRow) -> tuple[int, ...]:
        """The numbers of one row."""
        key = _hash(_keys(self._content, row.content), 16)
        answer = _hash(_keys(self._answers, row.answers), 8) if self._answers else bytes(8)
        given_id = _hash([row.identity.encode()], 8) if row.identity is not None else bytes(8)
        return (
            int.from_bytes(key[:8], "big"),
            int.from_bytes(key[8:], "big"),
            int.from_bytes(answer, "big"),
            int.from_bytes(_hash([repr(row).encode()], 8), "big"),
            int.from_bytes(given_id, "big"),
            sum(len(rule.text(value)) for rule, value in zip(self._content, row.content, strict=True)),
        )


def _keys(rules: Sequence[Field], values: Sequence[object]) -> list[bytes]:
    return [rule.key(value) for rule, value in zip(rules, values, strict=True)]


def _hash(parts: Sequence[bytes], size: int) -> bytes:
    """BLAKE2b of the parts; their lengths are hashed too, so that no two lists of parts run together."""
    digest = blake2b(digest_size=size)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
