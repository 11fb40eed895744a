"""What `teacherspec init` does: look at the data, write a repository; or renew the files of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teacherspec.check.run import check
from teacherspec.errors import UserError
from teacherspec.init.data_format import sources_of
from teacherspec.init.declaration import Data, declaration
from teacherspec.init.guess import Guess
from teacherspec.init.repository import (
    changes,
    library_files,
    readme,
    refuse_existing,
    refuse_uncommitted,
    replace,
    start_git_and_dvc,
    write,
)
from teacherspec.init.requirements import WHEELS, installed_wheel
from teacherspec.init.roles import ROLES, Roles, likely_kind
from teacherspec.init.sample import Sample, sample
from teacherspec.run_records.dvc_yaml import PARAMS, parse_yaml
from teacherspec.run_records.library_versions import VERSIONS
from teacherspec.runtime.atomic_io import scratch_folder, write_text

IN_GIT_BYTES = 10 << 20
"""Size of the rows from which they are better kept out of git."""


@dataclass(frozen=True)
class Plan:
    """A new repository, not yet written.

    Attributes:
        root: its folder.
        kind: of task.
        files: name → text.
        data: file or folder → where it is copied to, relative to the repository; empty where it is inside.
        guesses: what was found in the data.
        warnings: what to look at first.
        data_bytes: size of the rows.
        folder: of the rows, relative to the repository.
    """

    root: Path
    kind: str
    files: Mapping[str, str]
    data: Mapping[Path, Path]
    guesses: Sequence[Guess]
    warnings: Sequence[str]
    data_bytes: int
    folder: str


def plan(
    root: Path, data: Path, name: str, kind: str | None, columns: Mapping[str, str], data_license: str
) -> Plan:
    """Look at the data and decide what to write. Writes nothing.

    Args:
        root: folder of the repository.
        data: file or folder of rows.
        name: of the teacher.
        kind: of task; None to tell it from the columns.
        columns: column of the task → of the file, where the user named them.
        data_license: of the rows.

    Raises:
        UserError: the data cannot be read, a column cannot be told, a file exists already, or the declaration
            that results is wrong.
    """
    sources, guesses = sources_of(data)
    seen = sample(sources)
    kind, why = (kind, "as given") if kind else likely_kind(seen)
    roles = ROLES[kind](seen, columns)
    folder, copies, placed = _placed(root, data, name, sources)
    if "id" in seen.columns and _repeats(seen.columns["id"]):
        guesses = [*guesses, Guess("prepare.sources[].ids", "ignore", "values of column `id` repeat")]
        placed = [{**source, "ids": "ignore"} for source in placed]
    if padded := _padded(seen, roles):
        strip = {"kind": "strip", "columns": padded}
        guesses = [*guesses, Guess("prepare.sources[].transforms", [strip], "values have spaces around them")]
        placed = [{**source, "transforms": [strip]} for source in placed]
    text, found = declaration(name, Data(placed, folder, seen, roles, why, guesses), data_license)
    _refuse_wrong(text)
    files = {str(PARAMS): text, "README.md": readme(name, kind, folder), **library_files(kind)}
    wheel = installed_wheel()
    if wheel:
        copies = {**copies, wheel: Path(WHEELS) / wheel.name}
    refuse_existing(root, [*files, *map(str, copies.values())])
    warnings = [
        *seen.unreadable,
        *(f"{guess.key}: {guess.value}: {guess.reason}" for guess in _doubtful(found)),
    ]
    return Plan(
        root, kind, files, copies, [Guess("task.kind", kind, why), *found], warnings, _size(data), folder
    )


def _placed(
    root: Path, data: Path, name: str, sources: Sequence[Mapping[str, object]]
) -> tuple[str, dict[Path, Path], list[dict[str, object]]]:
    """Folder of the rows in the repository, what is copied there, and the sources with paths in it."""
    own, top = data.resolve(), root.resolve()
    if own.is_relative_to(top) and own != top:
        relative = own.relative_to(top)
        folder = relative if own.is_dir() else relative.parent
        if folder == Path():
            raise UserError(
                f"{data}: lies beside the files of the repository; move it into a folder of its own, such as "
                f"data/{name}/, which DVC can watch"
            )
        copies: dict[Path, Path] = {}
    else:
        folder = Path("data") / name
        copies = {own: folder if own.is_dir() else folder / own.name}
    placed = []
    for source in sources:
        path = Path(str(source["path"])).resolve()
        inside = path.relative_to(own) if own.is_dir() else Path(path.name)
        placed.append({**source, "path": (folder / inside).as_posix()})
    return folder.as_posix(), copies, placed


def _padded(seen: Sample, roles: Roles) -> list[str]:
    """Columns of labels with white space around values, which would be other labels."""
    names = [name for own, name in roles.columns.items() if own == "label"]
    return [
        name
        for name in names
        if any(isinstance(one, str) and one != one.strip() for one in seen.columns[name])
    ]


def _repeats(values: Sequence[object]) -> bool:
    given = [str(value) for value in values if value is not None]
    return len(set(given)) < len(given)


def _doubtful(guesses: Sequence[Guess]) -> list[Guess]:
    """Guesses that a wrong teacher may follow from."""
    foreign = [one for one in guesses if one.key == "package.language" and one.value != "en"]
    return [
        *(one for one in guesses if one.key.endswith(("encoding", "min_rows_per_class"))),
        *(
            Guess(one.key, one.value, "the base of this declaration is English: name another one")
            for one in foreign
        ),
    ]


def _refuse_wrong(text: str) -> None:
    """Check the declaration as the repository will."""
    with scratch_folder(Path(".teacherspec-init")) as scratch:
        write_text(scratch / PARAMS, text)
        check(scratch / PARAMS)


def _size(data: Path) -> int:
    files = [data] if data.is_file() else [file for file in data.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def carry_out(planned: Plan, git: bool) -> list[str]:
    """Write the repository; returns the commands that were run in it."""
    write(planned.root, planned.files, planned.data)
    return start_git_and_dvc(planned.root) if git else []


def upgrade(root: Path) -> tuple[dict[str, str], str]:
    """The files that the installed library would change in a repository, and the diff.

    Raises:
        UserError: `teacherspec init` made no repository there.
    """
    if not (root / PARAMS).is_file() or not (root / VERSIONS).is_file():
        raise UserError(f"{root}: has no {PARAMS} and {VERSIONS}: `teacherspec init` made no repository here")
    kind = parse_yaml((root / PARAMS).read_text(encoding="utf-8"))["task"]["kind"]
    files = library_files(kind)
    changed = list(changes(root, files))
    return {name: files[name] for name, _ in changed}, "".join(diff for _, diff in changed)


def apply_upgrade(root: Path, files: Mapping[str, str]) -> None:
    """Replace the files, none of which may have changes that git lacks. Raises `UserError`."""
    refuse_uncommitted(root, list(files))
    replace(root, files)
