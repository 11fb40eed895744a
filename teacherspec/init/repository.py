"""The files of a new repository, written all or none; and what an upgrade would change of them."""

import difflib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import jinja2

from teacherspec.check.run import json_schema
from teacherspec.errors import UserError
from teacherspec.init.pipeline import pipeline, versions
from teacherspec.init.requirements import requirements
from teacherspec.run_records.library_versions import VERSIONS, template
from teacherspec.runtime.atomic_io import encode_json, write_bytes, write_text

COPIED: Mapping[str, str] = {
    ".gitattributes": "gitattributes",
    ".gitignore": "gitignore",
    ".dvcignore": "dvcignore",
    ".github/workflows/teacher.yml": "github/teacher.yml",
    ".github/workflows/release.yml": "github/release.yml",
    "Makefile": "Makefile",
    "pipeline.mk": "pipeline.mk",
    "data/reviews/README.md": "reviews.md",
}
"""File of the repository → file of the template with the same content."""

FOLDERS: Mapping[str, str] = {"stages": "stages", "requirements/remotes": "remotes"}
"""Folder of the repository → folder of the template whose files it gets."""

BASES: Mapping[str, Mapping[str, str]] = {
    "image_classification": {
        "bases/import_efficientnet_lite0.py": "efficientnet/import_pth.py",
        "bases/base.mk": "efficientnet/base.mk",
        "bases/.gitignore": "efficientnet/gitignore",
    },
}
"""Kind of task → files of the repository that make its base → files of the template."""


def library_files(kind: str) -> dict[str, str]:
    """File → text, of the files that belong to the installed version: `--upgrade` renews them.

    Args:
        kind: of task.
    """
    files = {"dvc.yaml": pipeline(), str(VERSIONS): versions(), "requirements.txt": requirements(kind)}
    files["params.schema.json"] = encode_json(json_schema())
    for own, source in {**COPIED, **BASES.get(kind, {})}.items():
        files[own] = (template() / source).read_text(encoding="utf-8")
    for folder, source in FOLDERS.items():
        for file in sorted((template() / source).iterdir()):
            if file.suffix in (".py", ".txt"):
                files[f"{folder}/{file.name}"] = file.read_text(encoding="utf-8")
    return files


def readme(name: str, kind: str, folder: str) -> str:
    """The text of `README.md`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template()),
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
    return environment.get_template("README.md.j2").render(name=name, needs_base=kind in BASES, data=folder)


def refuse_existing(root: Path, files: Sequence[str]) -> None:
    """Raises `UserError` with every file that is there already: nothing of the user's is overwritten."""
    there = [name for name in files if (root / name).exists()]
    if there:
        shown = ", ".join(there)
        raise UserError(
            f"{root}: has {shown} already; choose another folder, move them, or, in a repository that "
            "`teacherspec init` made, renew its files with --upgrade"
        )


def write(root: Path, files: Mapping[str, str], data: Mapping[Path, Path]) -> None:
    """Write files and copies of data; a failure removes what was written.

    Args:
        root: the repository; made where it is missing.
        files: name → text.
        data: from file or folder → to, relative to `root`.
    """
    written: list[Path] = []
    try:
        for source, target in data.items():
            written.append(root / target)
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, root / target)
        for name, text in files.items():
            written.append(root / name)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            write_text(root / name, text)
    except BaseException:
        for path in written:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise


def start_git_and_dvc(root: Path) -> list[str]:
    """Make a git and a DVC repository of the folder where it is none; returns what was done."""
    done = []
    inside = _run(root, "git", "rev-parse", "--show-toplevel")
    if inside.returncode:
        _must(root, "git", "init", "--quiet", "--initial-branch=main")
        done.append("git init")
    if not (root / ".dvc").is_dir():
        is_below = not (root / ".git").exists()
        _must(root, sys.executable, "-m", "dvc", "init", "--quiet", *(["--subdir"] if is_below else []))
        _must(root, sys.executable, "-m", "dvc", "config", "core.analytics", "false")
        done.append("dvc init --subdir" if is_below else "dvc init")
    return done


def _run(root: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def _must(root: Path, *command: str) -> None:
    found = _run(root, *command)
    if found.returncode:
        raise UserError(f"`{' '.join(command)}` failed in {root}: {found.stderr.strip()}")


def changes(root: Path, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The files that an upgrade changes, each with its unified diff."""
    for name, text in files.items():
        before = (root / name).read_text(encoding="utf-8") if (root / name).is_file() else ""
        if before != text:
            lines = difflib.unified_diff(
                before.splitlines(keepends=True), text.splitlines(keepends=True), f"a/{name}", f"b/{name}"
            )
            yield name, "".join(lines)


def refuse_uncommitted(root: Path, names: Sequence[str]) -> None:
    """Raises `UserError` where a file that would be replaced has changes that git does not have."""
    found = _run(root, "git", "status", "--porcelain", "--", *names)
    dirty = [line[3:] for line in found.stdout.splitlines()]
    if found.returncode or dirty:
        what = f"{', '.join(dirty)} differ from the last commit" if dirty else "this is no git repository"
        raise UserError(f"{root}: {what}; commit first, so that an upgrade loses nothing of yours")


def replace(root: Path, files: Mapping[str, str]) -> None:
    """Write the files of an upgrade."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(root / name, text.encode("utf-8"))
