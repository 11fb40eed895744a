"""The folder of a student that is trained, with its weights, fetched once and scanned."""

from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.model_files.security_scan import check_folder
from teacherspec.model_files.sources.registry import fetch
from teacherspec.spec.base import HubModelSource, PathModelSource

CACHE = Path(".scratch/probe")
"""Where downloaded students are, relative to the repository."""


def trainable_student(source: HubModelSource | PathModelSource, key: str) -> Path:
    """A folder that transformers may load.

    Args:
        source: as declared.
        key: where it is declared, for messages.

    Raises:
        BaseModelError: it cannot be fetched, or fails the scan; every problem.
    """
    try:
        folder = fetch(source, CACHE)
        check_folder(folder)
    except BaseModelError as error:
        problems = [problem.replace("base.source", f"{key}.source") for problem in error.problems]
        raise BaseModelError([text if key in text else f"{key}: {text}" for text in problems]) from error
    return folder
