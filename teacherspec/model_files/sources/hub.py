"""A base from the Hugging Face hub, at one commit."""

import os
import shutil
import sys
from functools import partial
from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import NAMES, is_wanted
from teacherspec.model_files.sources.download_cache import fetch_once
from teacherspec.spec.base import HubModelSource

# Patterns for the hub's own filter; `is_wanted` decides again on what comes back.
NOTICES = ["README.md", "LICEN?E*", "NOTICE*", "COPYING*", "USE_POLICY*"]
PATTERNS = [*sorted(NAMES), "model.safetensors", "model-?????-of-?????.safetensors", *NOTICES]


def fetch(source: HubModelSource, cache: Path) -> Path:
    """A folder with the repository's files at the commit, taken from the hub's cache or downloaded.

    Raises:
        BaseModelError: the hub cannot be reached, or has no such repository or commit.
    """
    return fetch_once(source.pin(), cache, partial(_download, source))


def _download(source: HubModelSource, folder: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, IncompleteSnapshotError, LocalEntryNotFoundError
    from huggingface_hub.utils import disable_progress_bars, logging  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    where = f"base.source: {source.id}@{source.revision[:12]}"
    try:
        patterns = PATTERNS if source.gguf is None else [source.gguf, *NOTICES]
        snapshot = Path(snapshot_download(source.id, revision=source.revision, allow_patterns=patterns))
    except (HfHubHTTPError, IncompleteSnapshotError, LocalEntryNotFoundError, OSError) as error:
        cause = str(error).strip().split("\n", 1)[0].rstrip(".")
        raise BaseModelError(
            f"{where}: cannot be fetched: {cause}; check id, revision, network and `hf auth login`"
        ) from error
    for path in sorted(snapshot.rglob("*")):
        name = path.relative_to(snapshot).as_posix()
        if path.is_file() and is_wanted(name, source.gguf):
            _link_or_copy(path.resolve(), folder / name)
    needed = source.gguf or "config.json"
    if not (folder / needed).is_file():
        raise BaseModelError(f"{where}: contains no `{needed}`; it is not a model that transformers can load")


def _link_or_copy(blob: Path, target: Path) -> None:
    """Link a file of the hub's cache; copy it where the file system does not allow links."""
    target.parent.mkdir(exist_ok=True)
    try:
        os.link(blob, target)
    except OSError:
        shutil.copyfile(blob, target)
