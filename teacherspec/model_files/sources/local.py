"""A base that is already a folder of this machine."""

from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.spec.base import PathModelSource


def fetch(source: PathModelSource, _cache: Path) -> Path:
    """The folder itself; nothing is downloaded.

    Raises:
        BaseModelError: there is no such folder, or a link leads out of the repository.
    """
    folder = Path(source.folder)
    if not folder.is_dir():
        raise BaseModelError(f"{folder}: base.source.folder: no such folder; put the base there")
    if not source.outside_repository and not folder.resolve().is_relative_to(Path.cwd().resolve()):
        raise BaseModelError(
            f"{folder}: base.source.folder: a link leads out of the repository, to {folder.resolve()}; "
            "move the base inside, or declare `outside_repository: true`"
        )
    return folder
