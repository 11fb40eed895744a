"""A base from the Hugging Face hub, at one commit."""

import os
import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field as Param
from pydantic import field_validator

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import NAMES, is_allowed
from teacherspec.model_files.sources.download_cache import fetch_once
from teacherspec.spec.section import Section

# Patterns for the hub's own filter; `is_allowed` decides again on what comes back.
PATTERNS = [
    *sorted(NAMES),
    "model.safetensors",
    "model-?????-of-?????.safetensors",
    *("LICEN?E*", "NOTICE*", "COPYING*", "USE_POLICY*"),
]


class HubSource(Section):
    """A repository of the hub at a commit. Only files a base may consist of are fetched."""

    kind: Literal["hub"]
    """The base is a repository of the hub."""

    id: str = Param(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$")
    """Name of the repository, such as `sentence-transformers/all-MiniLM-L6-v2`."""

    revision: str
    """Full commit hash, 40 hex digits. Branches and tags move, so they are refused."""

    @field_validator("revision")
    @classmethod
    def _is_commit(cls, revision: str) -> str:
        if len(revision) != 40 or set(revision) - set("0123456789abcdef"):
            raise ValueError(
                f"must be a full commit hash of 40 hex digits (given {revision!r}); branches and tags move: "
                "copy the hash from the history of the repository"
            )
        return revision

    def materialise(self, scratch: Path) -> Path:
        """A folder with the repository's files at the commit, taken from the hub's cache or downloaded.

        Raises:
            BaseModelError: the hub cannot be reached, or knows no such repository or commit.
        """
        return fetch_once(self.model_dump(), scratch, self._fetch)

    def _fetch(self, folder: Path) -> None:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, IncompleteSnapshotError, LocalEntryNotFoundError
        from huggingface_hub.utils import disable_progress_bars, logging  # type: ignore[attr-defined]

        disable_progress_bars()
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        where = f"base.source: {self.id}@{self.revision[:12]}"
        try:
            snapshot = Path(snapshot_download(self.id, revision=self.revision, allow_patterns=PATTERNS))
        except (HfHubHTTPError, IncompleteSnapshotError, LocalEntryNotFoundError, OSError) as error:
            cause = str(error).strip().split("\n", 1)[0].rstrip(".")
            raise BaseModelError(
                f"{where}: cannot be fetched: {cause}; check id, revision, network and `hf auth login`"
            ) from error
        for path in sorted(snapshot.rglob("*")):
            name = path.relative_to(snapshot).as_posix()
            if path.is_file() and is_allowed(name):
                _place(path.resolve(), folder / name)
        if not (folder / "config.json").is_file():
            raise BaseModelError(
                f"{where}: holds no `config.json`; it is not a model that transformers can load"
            )


def _place(blob: Path, target: Path) -> None:
    """Give a file of the cache its name without a second copy where the file system allows."""
    target.parent.mkdir(exist_ok=True)
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)
