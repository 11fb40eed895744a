"""A look at rows: which declaration of a teacher follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from teacherspec.check.run import check
from teacherspec.errors import UserError
from teacherspec.init.columns import Found, guesses
from teacherspec.init.data_format import sources_of
from teacherspec.init.declaration import Data, declaration
from teacherspec.init.guess import Guess
from teacherspec.init.kinds.registry import BY_NAME, StartingKind, likely_kind
from teacherspec.init.sample import Sample, sample
from teacherspec.run_records.dvc_yaml import PARAMS

OPTIONS = "prepare.sources[]"


@dataclass(frozen=True)
class Wanted:
    """What a person asks for.

    Attributes:
        root: folder of the repository.
        data: file or folder of rows.
        name: of the teacher.
        kind: of task; None to tell it from the columns.
        columns: column of the task → of the file, where they were named.
        data_license: of the rows.
    """

    root: Path
    data: Path
    name: str
    kind: str | None
    columns: Mapping[str, str]
    data_license: str


@dataclass(frozen=True)
class Look:
    """What was found in the rows, and the declaration that follows.

    Attributes:
        text: of the declaration.
        start: what is known of its kind of task.
        kind: of task.
        copies: as in `Plan.data`.
        guesses: as there.
        warnings: as there.
        data_bytes: as there.
        folder: as there.
    """

    text: str
    start: StartingKind
    kind: str
    copies: Mapping[Path, Path]
    guesses: Sequence[Guess]
    warnings: Sequence[str]
    data_bytes: int
    folder: str


def look(wanted: Wanted, teacher: Path) -> Look:
    """Look at the rows and declare a teacher of them.

    Args:
        wanted: by the person.
        teacher: its folder, from the root of the repository.

    Raises:
        UserError: the data cannot be read, a column cannot be found, or the resulting declaration is wrong.
    """
    root, data, name, kind = wanted.root, wanted.data, wanted.name, wanted.kind
    sources, about_files = sources_of(data)
    seen = sample(sources)
    chosen = Guess("task.kind", *((kind, "as given") if kind else likely_kind(seen)))
    start = BY_NAME.get(chosen.value)
    if start is None:
        raise UserError(
            f"{chosen.value}: no declaration is written for this kind; begin with one of examples/"
        )
    found = start.columns(seen, wanted.columns)
    folder, copies, placed = _placed(root, data, name, sources)
    about_values = list(_about_values(seen, found))
    placed = [
        {**source, **{guess.key.rpartition(".")[2]: guess.value for guess in about_values}}
        for source in placed
    ]
    about_files = [*about_files, *about_values]
    up = "../" * len(teacher.parts)
    placed = [{**source, "path": up + source["path"]} for source in placed]
    rows = Data(placed, up + folder, seen, found, about_files)
    text, sized = declaration(name, chosen, start, rows, wanted.data_license, up)
    _refuse_wrong(text)
    every = [chosen, *about_files, *guesses(found), *sized]
    warnings = [*seen.unreadable, *(f"{one.key}: {one.value}: {one.reason}" for one in _doubtful(every))]
    return Look(text, start, chosen.value, copies, every, warnings, _size(data), folder)


def _placed(
    root: Path, data: Path, name: str, sources: Sequence[Mapping[str, Any]]
) -> tuple[str, dict[Path, Path], list[dict[str, Any]]]:
    """Folder of the rows in the repository, what is copied there, and the sources with paths in it."""
    own, top = data.resolve(), root.resolve()
    copies: dict[Path, Path] = {}
    if own.is_relative_to(top):
        relative = own.relative_to(top)
        folder = relative if own.is_dir() else relative.parent
        if folder == Path():
            raise UserError(
                f"{data}: lies among the files of the repository; move it into a folder of its own, such as "
                f"data/{name}/, which DVC can watch"
            )
    else:
        folder = Path("data") / name
        is_one_source = [Path(source["path"]).resolve() for source in sources] == [own]
        copies = {own: folder / own.name if is_one_source else folder}
    placed = []
    for source in sources:
        path = Path(source["path"]).resolve()
        target = path.relative_to(top) if not copies else copies[own] / path.relative_to(own)
        placed.append({**source, "path": target.as_posix()})
    return folder.as_posix(), copies, placed


def _about_values(seen: Sample, columns: Mapping[str, Found]) -> list[Guess]:
    """Options that a source needs because of what its values are."""
    found = []
    if "id" in seen.columns and _repeats(seen.columns["id"]):
        found.append(Guess(f"{OPTIONS}.ids", "ignore", "values of column `id` repeat"))
    label = columns["label"][0] if "label" in columns else None
    if label is not None and any(isinstance(one, str) and one != one.strip() for one in seen.columns[label]):
        strip = [{"kind": "strip", "columns": [label]}]
        found.append(Guess(f"{OPTIONS}.transforms", strip, "labels have spaces around them"))
    return found


def _repeats(values: Sequence[object]) -> bool:
    given = [str(value) for value in values if value is not None]
    return len(set(given)) < len(given)


def _doubtful(found: Sequence[Guess]) -> list[Guess]:
    """Guesses from which a wrong teacher may follow."""
    english = "the base of this declaration is English: name another one"
    foreign = (one for one in found if one.key == "package.language" and one.value != "en")
    return [
        *(one for one in found if one.key.endswith((".encoding", ".min_rows_per_class"))),
        *(Guess(one.key, one.value, english) for one in foreign),
    ]


def _refuse_wrong(text: str) -> None:
    """Check the declaration as the repository will. Raises `UserError`, which names the keys."""
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / PARAMS
        file.write_text(text, encoding="utf-8")
        try:
            check(file)
        except UserError as error:
            problems = [problem.replace(str(file), str(PARAMS)) for problem in error.problems]
            raise UserError(problems) from None


def _size(data: Path) -> int:
    files = [data] if data.is_file() else [file for file in data.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
