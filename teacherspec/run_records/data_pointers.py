"""`.dvc` files: what DVC tracks without a stage, such as rows added with `dvc add` or `dvc import`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.run_records.conflicts import tracked_text
from teacherspec.run_records.dvc_hashing import recorded_md5
from teacherspec.run_records.dvc_yaml import parsed


def tracked_md5(root: Path, path: str) -> str | None:
    """The hash in `<path>.dvc` of data that DVC tracks and that may not be checked out; None without one.

    Raises:
        UserError: the file is empty, holds a conflict or names no hash.
    """
    pointer = Path(f"{path}.dvc")
    if not (root / pointer).is_file():
        return None
    return md5_in_pointer(tracked_text(root, pointer), pointer.as_posix())


def md5_in_pointer(text: str, where: str) -> str:
    """The hash that the text of a `.dvc` file names.

    Args:
        text: of the file.
        where: names the file in messages.

    Raises:
        UserError: it is no such file, holds a conflict, or names no hash yet.
    """
    content = parsed(text, where)
    outs = content.get("outs") if isinstance(content, Mapping) else None
    if not isinstance(outs, list) or not outs or not isinstance(outs[0], Mapping):
        raise UserError(f"{where}: names no data; restore it from git, or `dvc add` the data again")
    return _md5(outs[0], where)


def _md5(out: Mapping[str, Any], where: str) -> str:
    found = recorded_md5(out)
    if not found:
        raise UserError(
            f"{where}: names no hash yet, as after `dvc import-url --no-download`; run "
            f"`dvc update {where}`, then commit it"
        )
    return found
