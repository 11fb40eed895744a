"""From the declared path of a source to existing files that are safe to read."""

import stat
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.runtime.dvc_links import is_dvc_link
from teacherspec.runtime.project_root import is_inside

_HEAD_BYTES = 64
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_DVC_POINTERS = (b"outs:\n- md5:", b"md5: ")
_WILDCARDS = frozenset("*?[")

NO_DATA = (
    *(".DS_Store", "._*", "Thumbs.db", "desktop.ini", ".directory", "__MACOSX", ".ipynb_checkpoints"),
    *(".idea", ".vscode", "*~", "*.swp", ".~lock.*#", ".gitignore", ".gitkeep", ".gitattributes", "*.dvc"),
)
"""Names of what operating systems, editors, git and DVC leave in folders of data; `.dvcignore` has those that
are not in git."""


def is_no_data(name: str) -> bool:
    """Whether a file or folder of this name is skipped where files are found by a folder or a wildcard."""
    return any(fnmatchcase(name, pattern) for pattern in NO_DATA)


def resolve(root: Path, pattern: str) -> list[Path]:
    """The files that `pattern` names under `root`, sorted by name so that no file system decides.

    Raises:
        DataError: nothing there, not a regular file, a link out of `root`, empty, or only a pointer.
    """
    if _WILDCARDS.intersection(pattern):
        found = sorted(path for path in root.glob(pattern) if not path.is_dir())
        files = [path for path in found if not is_no_data(path.name)]
        files += [path.with_suffix("") for path in found if tracks_missing(path)]
        if not files:
            raise DataError(f"{pattern}: no file matches; see prepare.sources")
    else:
        files = [root / pattern]
    problems = [
        f"{path.relative_to(root)}: {problem}" for path in files if (problem := problem_of_file(root, path))
    ]
    if problems:
        raise DataError(problems)
    return files


def tracks_missing(path: Path) -> bool:
    """Whether a path is the pointer of data that is not here, which must not be left out in silence."""
    return path.suffix == ".dvc" and path.name != ".dvc" and not path.with_suffix("").exists()


def problem_of_file(root: Path, path: Path) -> str | None:
    """Why a file cannot be data, or None."""
    try:
        status = path.stat()
    except OSError as error:
        return (
            _missing(root, path)
            if isinstance(error, FileNotFoundError)
            else f"cannot be read: {error.strerror}"
        )
    if not is_inside(path, root) and not is_dvc_link(path):
        return "is outside the repository, itself or by a link; put the file itself there"
    if stat.S_ISDIR(status.st_mode):
        return "is a folder; name its files, for example with `*`"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_size == 0:
        return "is empty: no rows"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if head.startswith(_LFS_POINTER):
        return "is a Git LFS pointer, not the data; run `git lfs pull`"
    if head.startswith(_DVC_POINTERS) or path.suffix == ".dvc":
        return f"is a DVC pointer, not the data; name `{path.stem}` and run `dvc pull`"
    return None


def _missing(root: Path, path: Path) -> str:
    if path.is_symlink():
        return "is a link to nothing"
    if path.with_name(path.name + ".dvc").is_file():
        return "not found, but DVC tracks it; run `dvc pull`"
    folder = path.parent
    if not folder.is_dir():
        return f"not found: there is no folder `{folder.relative_to(root)}`"
    names = sorted(entry.name for entry in folder.iterdir())
    close = get_close_matches(path.name, names, n=3, cutoff=0.6)
    return f"not found; did you mean {' or '.join(close)}?" if close else "not found"
