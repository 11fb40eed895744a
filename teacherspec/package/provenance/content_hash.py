"""The hash by which a soft target is joined with its row."""

import hashlib
from collections.abc import Mapping, Sequence

Content = str | bytes | Sequence[bytes] | Sequence[str] | Sequence[Mapping[str, str]]
"""Value of a content column: a text, an encoded image, several images, tokens, or turns of a conversation."""


def content_sha256(contents: Sequence[Content]) -> str:
    """Hex SHA-256 of a row's content columns, joined by the byte 0x1f.

    Texts count as UTF-8, each image as a part of its own, tokens one a line, and turns as `role: content`,
    one a line.
    """
    return hashlib.sha256(b"\x1f".join(part for content in contents for part in _parts(content))).hexdigest()


def _parts(content: Content) -> list[bytes]:
    if isinstance(content, bytes):
        return [content]
    if isinstance(content, str):
        return [content.encode()]
    images = [item for item in content if isinstance(item, bytes)]
    if content and isinstance(content[0], str):
        return ["\n".join(map(str, content)).encode()]
    turns = [f"{item['role']}: {item['content']}" for item in content if isinstance(item, Mapping)]
    return images or ["\n".join(turns).encode()]
