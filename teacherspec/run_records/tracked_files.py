"""Files within a folder that DVC tracks one by one: their `.dvc` pointers are in git, the files are not.

A stage that depends on the folder depends on them too. Without them DVC computes another hash of the folder
than that of the run: it would run the stage, which fails, and remove what it had written.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_yaml import declared_stages, parsed
from teacherspec.runtime.project_root import project_root

POINTER = ".dvc"
_FOLDER = ".dir"


def files_of_pointers(pointers: Mapping[str, str], root: Path) -> dict[str, str]:
    """Path of every file that pointers track → its MD5.

    The files of a tracked folder are listed in DVC's cache; where it lacks the list, they are left out.

    Args:
        pointers: path of a pointer from the root → its text.
        root: of the repository.

    Raises:
        UserError: a pointer holds an unresolved conflict, or cannot be parsed.
    """
    found: dict[str, str] = {}
    for path, text in pointers.items():
        for out, md5 in _outs(text, path):
            name = str(PurePosixPath(path).parent / out)
            if md5.endswith(_FOLDER):
                found |= {f"{name}/{file['relpath']}": file["md5"] for file in _listing(root, md5)}
            else:
                found[name] = md5
    return found


def pointers_in(folder: Path, root: Path) -> dict[str, str]:
    """Path from the root → text, of every pointer below a folder."""
    paths = sorted(path for path in folder.rglob(f"*{POINTER}") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _outs(text: str, where: str) -> list[tuple[str, str]]:
    """Path, from the folder of the pointer, and hash of everything that a pointer tracks."""
    from teacherspec.run_records.dvc_hashing import recorded_md5  # which counts files by this module

    pointer = parsed(text, where)
    outs = pointer.get("outs", ()) if isinstance(pointer, dict) else ()
    named = [out for out in outs if isinstance(out, dict) and "path" in out]
    return [(str(out["path"]), md5) for out in named if (md5 := recorded_md5(out))]


def _listing(root: Path, md5: str) -> list[dict[str, str]]:
    path = project_root(root) / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def bring_tracked_files(root: Path, *, pull: bool) -> None:
    """Bring the tracked files that folders of data lack, from the cache or, with `pull`, from the remote.

    Raises:
        UserError: names those that are still missing.
    """
    missing = missing_files(root)
    if not missing:
        return
    command = [sys.executable, "-m", "dvc", "pull" if pull else "checkout", "--quiet"]
    pointers = sorted(set(missing.values()))
    subprocess.run([*command, *pointers], cwd=root, check=False, capture_output=True)
    remedy = "find the remote that has it" if pull else "get it with `dvc pull`, or run with `--pull`"
    problems = [
        f"{path}: is not here, only its pointer {pointer}; {remedy}"
        for path, pointer in missing_files(root).items()
    ]
    if problems:
        raise UserError(problems)


def missing_files(root: Path) -> dict[str, str]:
    """Path of what folders of data lack → the pointer that tracks it."""
    stages = declared_stages(root).values()
    outs = {out for stage in stages for out in stage.outs}
    folders = {dep for stage in stages for dep in stage.deps if dep not in outs and (root / dep).is_dir()}
    missing: dict[str, str] = {}
    for folder in sorted(folders):
        for pointer, text in pointers_in(root / folder, root).items():
            paths = [str(PurePosixPath(pointer).parent / out) for out, _ in _outs(text, pointer)]
            missing |= {path: pointer for path in paths if not (root / path).exists()}
    return missing
