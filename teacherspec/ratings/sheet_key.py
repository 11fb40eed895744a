"""The key of a rating sheet, which names the system of each side; it is never in the page."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from teacherspec.errors import DataError
from teacherspec.ratings.pair_sampling import Drawn, Opponent, Side, token
from teacherspec.runtime.atomic_io import encode_json, sha256_bytes, write_text
from teacherspec.spec.section import Section

SUFFIX = ".key.json"


class KeyItem(Section):
    """One pair of the sheet."""

    item: str
    """Its name on the sheet."""
    id: str
    """The row."""
    content: str
    """Digest of prompt and answers, `Pair.content`."""
    teacher: Side
    """Side of the teacher's answer."""


class SameAnswer(Section):
    """A pair that was drawn and needs no rating, because both answers are equal."""

    id: str
    """The row."""
    content: str
    """Digest of prompt and answers."""


class Key(Section):
    """Everything that the sheet does not show."""

    format: Literal["teacherspec review key 1"] = "teacherspec review key 1"
    """What this file is."""
    against: Opponent
    """What the teacher is compared with."""
    seed: str
    """Of order and sides."""
    items: list[KeyItem]
    """The pairs, in the order of the sheet."""
    identical: list[SameAnswer]
    """Drawn, not shown: ties."""


def key_of(drawn: Drawn, opponent: Opponent, seed: str) -> Key:
    """The key of a sheet that shows these pairs."""
    items = [
        KeyItem(item=token(seed, pair), id=pair.id, content=pair.content, teacher=side)
        for pair, side in zip(drawn.shown, drawn.teacher_side, strict=True)
    ]
    identical = [SameAnswer(id=pair.id, content=pair.content) for pair in drawn.identical]
    return Key(against=opponent, seed=seed, items=items, identical=identical)


def encode_key(key: Key) -> str:
    """Canonical text of the key file."""
    return encode_json(key.model_dump(mode="json"))


def sheet_id(text: str) -> str:
    """Id of a sheet: a digest of its key, whose secret seed keeps the digest from revealing anything."""
    return "s" + sha256_bytes(text.encode("utf-8"))[:16]


def save_key(folder: Path, key: Key) -> Path:
    """Write `sheet-<id>.key.json` into `folder` and return where it is."""
    text = encode_key(key)
    path = folder / f"sheet-{sheet_id(text)}{SUFFIX}"
    write_text(path, text)
    return path


def load_keys(folder: Path) -> dict[str, Key]:
    """All keys of `folder`: id of the sheet → key.

    Raises:
        DataError: names every file that holds no key, or one changed since it was written.
    """
    keys, problems = {}, []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            key = Key.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            problems.append(
                f"{path}: is no key of a rating sheet ({where}: {first['msg']}); restore it as "
                "`python -m teacherspec rating-sheet` wrote it, or remove it"
            )
            continue
        name = sheet_id(encode_key(key))
        if path.name != f"sheet-{name}{SUFFIX}":
            problems.append(
                f"{path}: was changed or renamed since it was written (its content belongs to sheet-{name}"
                f"{SUFFIX}); restore it, ratings cannot be matched to it"
            )
        keys[name] = key
    if problems:
        raise DataError(problems)
    return keys
