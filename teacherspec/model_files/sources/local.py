"""A base that already lies in a folder of this machine."""

import re
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import Field as Param
from pydantic import model_validator

from teacherspec.errors import BaseModelError
from teacherspec.spec.section import Section


class PathSource(Section):
    """A folder in the form that `save_pretrained` writes. It is read where it lies, never copied."""

    kind: Literal["path"]
    """The base lies in a folder."""

    folder: str = Param(min_length=1, max_length=4096)
    """Folder with `config.json`, relative to the repository."""

    outside_repository: bool = False
    """Allow a folder elsewhere (absolute, or with `..`). Others can then not build this teacher from the
    repository alone."""

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        if re.search(r"[~$\\\x00-\x1f]", self.folder):
            raise ValueError(
                f"folder: `~`, `$` and `\\` are not expanded (given {self.folder!r}); write it out"
            )
        path = PurePosixPath(self.folder)
        if (path.is_absolute() or ".." in path.parts) and not self.outside_repository:
            raise ValueError(
                f"folder: lies outside the repository (given {self.folder!r}); move it inside, or say "
                "`outside_repository: true`"
            )
        return self

    def materialise(self, scratch: Path) -> Path:
        """The folder itself; `scratch` stays unused, nothing is fetched.

        Raises:
            BaseModelError: there is no such folder, or a link leads out of the repository.
        """
        folder = Path(self.folder)
        if not folder.is_dir():
            raise BaseModelError(f"{folder}: base.source.folder: no such folder; put the base there")
        if not self.outside_repository and not folder.resolve().is_relative_to(Path.cwd().resolve()):
            raise BaseModelError(
                f"{folder}: base.source.folder: a link leads out of the repository, to {folder.resolve()}; "
                "move the base inside, or say `outside_repository: true`"
            )
        return folder
