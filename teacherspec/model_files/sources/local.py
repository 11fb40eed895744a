"""A base that is already a folder of this machine."""

from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.runtime.project_root import is_inside
from teacherspec.spec.base import PathModelSource


def fetch(source: PathModelSource, _cache: Path) -> Path:
    """The folder itself; nothing is downloaded.

    Raises:
        BaseModelError: there is no such folder, or it is outside the repository, also by a link.
    """
    folder = Path(source.folder)
    if not folder.is_dir():
        raise BaseModelError(f"{folder}: base.source.folder: no such folder; put the base there")
    if not source.outside_repository and not is_inside(folder, Path()):
        raise BaseModelError(
            f"{folder}: base.source.folder: is outside the repository, in {folder.resolve()}; "
            "move the base inside, or declare `outside_repository: true`"
        )
    return folder
