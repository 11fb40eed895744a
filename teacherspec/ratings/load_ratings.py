"""Load files of ratings, validated strictly and matched to the keys of their sheets."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from teacherspec.errors import DataError
from teacherspec.ratings.sheet_key import SUFFIX, Key
from teacherspec.spec.section import Section

Preference = Literal["left", "right", "tie", "skip"]
Stars = Annotated[int, Field(ge=1, le=5)]

FILE_BYTES = 64 << 20
"""Largest file of ratings that is read."""

REQUIRED = ("sheet", "item", "preference")
"""Columns that a CSV file must have."""

READ = (*REQUIRED, "rater", "left_rating", "right_rating", "comment", "at")
"""Columns that are read; a CSV may have others, such as the texts of the sheet."""

IGNORED_FILES = ("README.md", ".gitignore", ".gitkeep")
"""Files of the folder that hold no ratings."""


class RatingLine(Section):
    """One line of a ratings file."""

    sheet: str
    """Id of the sheet."""
    item: str
    """What the sheet calls the pair."""
    rater: str = Field(default="", max_length=64)
    """Who rated: a name or a pseudonym; empty for the name of the file."""
    preference: Preference | None = None
    """Which answer is better; `tie` for equally good, `skip` for no verdict; None for not yet rated."""
    left_rating: Stars | None = None
    """How good the left answer is, 1 to 5."""
    right_rating: Stars | None = None
    """How good the right answer is."""
    comment: str = ""
    """Anything else."""
    at: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    """When, in UTC: the later of two ratings of the same pair by the same rater counts."""

    @property
    def empty(self) -> bool:
        """Whether nothing was rated."""
        return self.preference is None and self.left_rating is None and self.right_rating is None


@dataclass(frozen=True)
class Rating:
    """A line, and its place (`file:line`)."""

    line: RatingLine
    rater: str
    where: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Sheet, pair and rater, which one rating counts for."""
        return self.line.sheet, self.line.item, self.rater

    @property
    def values(self) -> tuple[object, ...]:
        """Preference and ratings, without the comment."""
        return self.line.preference, self.line.left_rating, self.line.right_rating


def load_ratings(folder: Path, keys: Mapping[str, Key]) -> list[Rating]:
    """All finished ratings in the `.jsonl` and `.csv` files below `folder`, one for each rater and pair.

    A file saved twice counts once; of two different ratings of a pair by one rater the later counts. Lines
    without a preference are unfinished and left out.

    Args:
        folder: such as `data/reviews`.
        keys: id of the sheet → key.

    Raises:
        DataError: names every wrong line as `file:line`, in all files.
    """
    ratings: list[Rating] = []
    problems: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name in IGNORED_FILES or path.name.endswith(SUFFIX):
            continue
        if path.suffix not in READERS:
            problems.append(
                f"{path}: is neither .jsonl nor .csv; export the ratings as one of them, or remove the file"
            )
            continue
        for where, line in _lines(path):
            if isinstance(line, str):
                problems.append(f"{where}: {line}")
            elif not line.empty:
                ratings.append(Rating(line, _rater(line, path), where))
    problems += [f"{rating.where}: {what}" for rating in ratings for what in _unknown_pairs(rating, keys)]
    once, disagreements = _once(ratings)
    if problems or disagreements:
        raise DataError([*problems, *disagreements])
    return [rating for rating in once if rating.line.preference is not None]


def _rater(line: RatingLine, path: Path) -> str:
    return unicodedata.normalize("NFC", line.rater).strip() or path.stem


def _unknown_pairs(rating: Rating, keys: Mapping[str, Key]) -> Iterator[str]:
    """Problems where the sheet is unknown or lacks the pair."""
    line = rating.line
    if line.sheet not in keys:
        have = ", ".join(sorted(keys)) or "none"
        yield (
            f"sheet: {line.sheet!r} has no key here (keys of: {have}); put sheet-{line.sheet}{SUFFIX} into "
            "the folder of the ratings, or remove them: they belong to another sheet"
        )
    elif line.item not in {item.item for item in keys[line.sheet].items}:
        yield f"item: sheet {line.sheet} has no pair {line.item!r}; restore the line as the page saved it"


def _once(ratings: Sequence[Rating]) -> tuple[list[Rating], list[str]]:
    """One rating for each rater and pair, and problems where two contradict each other."""
    counted: dict[tuple[str, str, str], Rating] = {}
    problems = []
    for rating in ratings:
        before = counted.setdefault(rating.key, rating)
        if before.values == rating.values:
            continue
        earlier, later = before.line.at, rating.line.at
        if earlier is None or later is None or earlier == later:
            problems.append(
                f"{rating.where}: {rating.rater!r} rates pair {rating.line.item} differently than at "
                f"{before.where}, and it is not known which is later; remove one of the two lines"
            )
        elif later > earlier:
            counted[rating.key] = rating
    return list(counted.values()), problems


def _lines(path: Path) -> Iterator[tuple[str, RatingLine | str]]:
    """`file:line` and the line, or what is wrong there."""
    if path.stat().st_size > FILE_BYTES:
        yield str(path), f"is larger than {FILE_BYTES >> 20} MiB, the largest file that is read; split it"
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        yield f"{path}:{number}", f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 (CSV UTF-8)"
        return
    for number, line in READERS[path.suffix](text):
        yield (f"{path}:{number}" if number else str(path)), line


def _read_jsonl(text: str) -> Iterator[tuple[int, RatingLine | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            for found in _validated(lambda line=line: RatingLine.model_validate_json(line)):
                yield number, found


def _read_csv(text: str) -> Iterator[tuple[int, RatingLine | str]]:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        columns = [name.strip() for name in next(reader, [])]
        absent = [name for name in REQUIRED if name not in columns]
        if absent:
            yield 1, f"has no column {', '.join(absent)} (given {', '.join(columns) or 'nothing'})"
            return
        while True:
            number = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                yield (
                    number,
                    f"has {len(cells)} cells, the header {len(columns)}; quote cells with delimiters",
                )
                continue
            values = _from_cells(dict(zip(columns, cells, strict=True)))
            for found in _validated(lambda values=values: RatingLine.model_validate(values)):
                yield number, found
    except csv.Error as error:
        yield number, f"broken CSV ({error}); export it again"


def _from_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """The cells that are read; empty ones left out, whole numbers turned into integers."""
    values: dict[str, Any] = {name: cells[name].strip() for name in READ if cells.get(name, "").strip()}
    if "preference" in values:
        values["preference"] = values["preference"].lower()
    for name in ("left_rating", "right_rating"):
        # Spreadsheets often write 4 as 4.0.
        if name in values and re.fullmatch(r"\d+([.,]0+)?", values[name]):
            values[name] = int(re.split(r"[.,]", values[name])[0])
    return values


def _validated(read: Any) -> list[RatingLine | str]:
    """The line, or everything that is wrong with it."""
    try:
        return [read()]
    except ValidationError as error:
        return [_what(problem) for problem in error.errors(include_url=False)]


def _what(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"][:1])
    given = "" if problem["type"] in {"missing", "json_invalid"} else f" (given {problem['input']!r:.60})"
    return f"{where}: {problem['msg']}{given}" if where else f"{problem['msg']}{given}"


READERS = {".jsonl": _read_jsonl, ".csv": _read_csv}
"""Suffix of a file → how it is read."""
