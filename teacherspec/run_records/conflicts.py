"""Unresolved conflicts of a merge in files that git tracks."""

from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.runtime.merge_conflicts import line_of_conflict


def refuse_conflict(text: str, where: str, remedy: str = "") -> None:
    """Refuse a text with an unresolved conflict, before a parser calls it something else.

    Args:
        text: content of the file.
        where: names the file, and its revision where it is not that of the working tree.
        remedy: what to do; by default, to resolve it as in any file.

    Raises:
        UserError: the text holds an unresolved conflict.
    """
    if line_of_conflict(text):
        raise UserError(f"{where}: holds an unresolved conflict; {remedy or 'resolve it, then `git add` it'}")


def tracked_text(root: Path, path: Path) -> str:
    """The UTF-8 text of a file in git, from the working tree; empty where there is no such file.

    Args:
        root: of the project.
        path: from there.

    Raises:
        UserError: it holds an unresolved conflict, or is not UTF-8.
    """
    if not (root / path).is_file():
        return ""
    try:
        text = (root / path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start}); restore it from git") from None
    refuse_conflict(text, path.as_posix())
    return text
