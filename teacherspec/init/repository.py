"""The files of a new repository, written all or none."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from teacherspec.check.run import json_schema
from teacherspec.errors import UserError
from teacherspec.init.kinds.registry import StartingKind
from teacherspec.init.pipeline import pipeline, teacher_pipeline, versions
from teacherspec.init.requirements import requirements
from teacherspec.run_records.dvc_yaml import DVC_YAML
from teacherspec.run_records.library_versions import VERSIONS, plugin_versions, template
from teacherspec.runtime.atomic_io import encode_json, write_text

COPIED: Mapping[str, str] = {
    ".gitignore": "gitignore",
    ".dvcignore": "dvcignore",
    ".github/workflows/teacher.yml": "github/teacher.yml",
    ".github/workflows/release.yml": "github/release.yml",
    "Makefile": "Makefile",
    "pipeline.mk": "pipeline.mk",
}
"""File of the repository → file of the template with the same content."""

REVIEWS = "data/reviews/README.md"

STAGES = """\
\"\"\"The stages of this teacher are those in the root of the repository.\"\"\"

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[{above}] / "stages")]
"""

FOLDERS: Mapping[str, str] = {"stages": "stages", "requirements/remotes": "remotes"}
"""Folder of the repository → folder of the template whose files it gets."""


@dataclass(frozen=True)
class Declared:
    """What the teachers of a repository declare that its shared files follow.

    Attributes:
        root: the repository.
        extras: optional libraries that their first bases need.
        kinds: their kinds of task.
    """

    root: Path = Path()
    extras: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def library_files(start: StartingKind | None) -> dict[str, str]:
    """File → text, of the files that belong to the installed version: `--upgrade` renews them.

    Args:
        start: what is known of the kind of task; None for kinds that a person declared.
    """
    files = shared_files(Declared(extras=() if start is None else start.EXTRAS))
    return {str(DVC_YAML): pipeline(), REVIEWS: _reviews(), **files, **base_texts(start)}


def shared_files(declared: Declared) -> dict[str, str]:
    """The same of what all teachers of a repository share.

    Raises:
        UserError: a package offers a declared kind whose module does not exist.
    """
    packages = sorted({package.split()[0] for package, _ in plugin_versions(declared.kinds).values()})
    files = {
        str(VERSIONS): versions(declared.kinds),
        "requirements.txt": requirements(declared.extras, declared.root, packages),
    }
    files["params.schema.json"] = encode_json(json_schema())
    for own, source in COPIED.items():
        files[own] = (template() / source).read_text(encoding="utf-8")
    for folder, source in FOLDERS.items():
        for file in sorted((template() / source).iterdir()):
            if file.suffix in (".py", ".txt"):
                files[f"{folder}/{file.name}"] = file.read_text(encoding="utf-8")
    return files


def teacher_files(teacher: Path, sources: Sequence[str]) -> dict[str, str]:
    """The same of the folder of a teacher.

    Args:
        teacher: the folder, from the root of the repository.
        sources: files that its `params.yaml` is written from, from its folder.
    """
    depth = len(teacher.parts)
    files = {
        str(DVC_YAML): teacher_pipeline("../" * depth, sources),
        "stages/__init__.py": STAGES.format(above=depth + 1),
        ".gitignore": (template() / "gitignore").read_text(encoding="utf-8"),
        REVIEWS: _reviews(),
    }
    return {(teacher / name).as_posix(): text for name, text in files.items()}


def _reviews() -> str:
    return (template() / "reviews.md").read_text(encoding="utf-8")


def base_files(start: StartingKind | None) -> Mapping[str, str]:
    """File of the repository that helps to make the first base → file of the template."""
    return {} if start is None else start.BASE_FILES


def base_texts(start: StartingKind | None) -> dict[str, str]:
    """File of the repository that helps to make the first base → its text."""
    return {
        own: (template() / source).read_text(encoding="utf-8") for own, source in base_files(start).items()
    }


def readme_of_several() -> str:
    """The text of `README.md` where teachers are in folders."""
    return (template() / "README-teachers.md").read_text(encoding="utf-8")


def readme(name: str, needs_base: bool, folder: str) -> str:
    """The text of `README.md`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template()),
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown of names that were checked
    )
    return environment.get_template("README.md.j2").render(name=name, needs_base=needs_base, data=folder)


def attributes(folder: str) -> str:
    """The text of `.gitattributes`: git changes no line ends of the rows, whose hashes DVC records.

    Args:
        folder: of the rows.
    """
    text = (template() / "gitattributes").read_text(encoding="utf-8")
    return f"{text}# Rows keep their bytes.\n{rows_attribute(folder)}\n"


def rows_attribute(folder: str) -> str:
    """The line of `.gitattributes` for the folder of some rows."""
    pattern = json.dumps(f"{folder}/**", ensure_ascii=False) if " " in folder else f"{folder}/**"
    return f"{pattern} -text"


def refuse_existing(root: Path, files: Sequence[str]) -> None:
    """Raises `UserError` with every file that is there already: nothing of the user's is overwritten."""
    there = [name for name in files if (root / name).exists()]
    if there:
        raise UserError(
            f"{root}: has {', '.join(there)} already; choose another folder, move them, or, in a repository "
            "that `teacherspec init` made, renew its files with --upgrade"
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
            if path.is_dir():
                shutil.rmtree(path)
            elif path.parent.is_dir():
                path.unlink(missing_ok=True)
        raise


def start_git_and_dvc(root: Path) -> list[str]:
    """Make a git and a DVC repository of the folder where it is none; returns what was done."""
    done = []
    if git(root, "rev-parse", "--show-toplevel").returncode:
        _must(root, "git", "init", "--quiet", "--initial-branch=main")
        done.append("git init")
    if not (root / ".dvc").is_dir():
        below = [] if (root / ".git").exists() else ["--subdir"]
        _must(root, sys.executable, "-m", "dvc", "init", "--quiet", *below)
        _must(root, sys.executable, "-m", "dvc", "config", "core.analytics", "false")
        done.append(" ".join(["dvc init", *below]))
    return done


def git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run git in the repository; the caller looks at how it ended."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607


def _must(root: Path, *command: str) -> None:
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if found.returncode:
        raise UserError(f"`{' '.join(command)}` failed in {root}: {found.stderr.strip()}")
