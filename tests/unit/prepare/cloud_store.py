"""A stand-in for a cloud store, in memory, under a scheme that declarations may name."""

from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

CLOUD = "oss"
"""Its scheme: one that needs a library of its own."""


class Cloud(MemoryFileSystem):
    """Files of `oss://` addresses."""

    protocol = CLOUD
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace(f"{CLOUD}://", "memory://")))


fsspec.register_implementation(CLOUD, Cloud, clobber=True)
