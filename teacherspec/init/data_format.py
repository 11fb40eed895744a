"""Which source of `params.yaml` reads a file or folder: its kind and options, found by looking."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.init.guess import Guess
from teacherspec.init.text_format import delimiter_of, encoding_of

IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
COMPRESSED = frozenset({".gz", ".zst"})

TABLES: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".json": "json_document",
}
"""Ending of a file → the kind of source that reads it."""

NAMED_SPLITS: Mapping[str, str] = {
    "train": "by_hash",
    "training": "by_hash",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
"""Name of a file → the split it is. Train rows are divided further, by hash: a teacher needs a split for its
calibrator, which files seldom bring."""

KNOWN = "CSV, TSV, JSON lines, JSON, Parquet or Arrow, a folder of them, or a folder with one folder a class"


def sources_of(data: Path) -> tuple[list[dict[str, Any]], list[Guess]]:
    """The sources that read `data`, without paths relative to a repository, and what was guessed.

    Returns:
        Each source with `path` as given here, and the guesses.

    Raises:
        UserError: it is no data that can be read.
    """
    if not data.exists():
        raise UserError(f"{data}: no such file or folder")
    if data.is_file():
        guesses: list[Guess] = []
        return [_file(data, guesses)], guesses
    if classes := _class_folder(data):
        return [classes], [Guess("prepare.sources", classes["kind"], "one folder a class holds the files")]
    files = [file for file in sorted(data.iterdir()) if _kind(file) and not file.name.startswith(".")]
    if not files:
        raise UserError(f"{data}: holds no data that can be read: {KNOWN}")
    return _several(files)


def _several(files: list[Path]) -> tuple[list[dict[str, Any]], list[Guess]]:
    guesses: list[Guess] = []
    sources = []
    for file in files:
        source = _file(file, guesses)
        split = NAMED_SPLITS.get(_stem(file).casefold())
        if split in ("test", "validation"):
            source["split"] = split
            guesses.append(Guess("prepare.sources[].split", split, f"the file is called {file.name}"))
        sources.append(source)
    return sources, guesses


def _stem(file: Path) -> str:
    return file.name.partition(".")[0]


def _kind(file: Path) -> str | None:
    suffixes = [suffix.casefold() for suffix in file.suffixes if suffix.casefold() not in COMPRESSED]
    return TABLES.get(suffixes[-1]) if suffixes and file.is_file() else None


def _file(file: Path, guesses: list[Guess]) -> dict[str, Any]:
    kind = _kind(file)
    if kind is None:
        raise UserError(f"{file}: not a format that can be read: {KNOWN}")
    found = list(OPTIONS.get(kind, _nothing)(file))
    guesses += found
    return {"kind": kind, "path": file, **{guess.key.rpartition(".")[2]: guess.value for guess in found}}


def _nothing(_file: Path) -> Iterator[Guess]:
    yield from ()


def _encoding(file: Path) -> Iterator[Guess]:
    encoding, reason = encoding_of(file)
    if encoding != "utf-8":
        yield Guess("prepare.sources[].encoding", encoding, f"{file.name} {reason}")


def _csv(file: Path) -> Iterator[Guess]:
    yield from _encoding(file)
    delimiter, reason = delimiter_of(file, encoding_of(file)[0])
    if delimiter != ",":
        yield Guess("prepare.sources[].delimiter", delimiter, f"it {reason}")


OPTIONS: Mapping[str, Callable[[Path], Iterator[Guess]]] = {"csv": _csv, "jsonl": _encoding}
"""Kind of source → its options that differ from their defaults."""


def _class_folder(data: Path) -> dict[str, Any] | None:
    """A source that reads `data/<class>/<file>`, where at least two such folders hold images or texts."""
    folders = [
        folder for folder in sorted(data.iterdir()) if folder.is_dir() and not folder.name.startswith(".")
    ]
    endings = [{file.suffix.casefold() for file in folder.iterdir() if file.is_file()} for folder in folders]
    for kind, known in (("image_folder", IMAGES), ("text_folder", frozenset({".txt"}))):
        if sum(bool(found & known) for found in endings) >= 2:
            return {"kind": kind, "path": data}
    return None
