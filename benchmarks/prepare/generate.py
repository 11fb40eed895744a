"""Rows with planted faults: what is hidden where is known, so recall and precision can be counted.

    python -m benchmarks.prepare.generate 1000000 /tmp/rows

writes `train.jsonl` (to be split by hash), `test.jsonl` (ready-made, 1 % as many rows), and
`planted.tsv`: id, kind and source of every row hidden as a copy of another row (or broken).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SEED = 20240917
CLASSES = 50
EXACT, NEAR, LEAK, NEAR_LEAK, BROKEN = 0.01, 0.01, 0.002, 0.002, 0.0005
CHUNK_ROWS = 10_000
KINDS = ("exact", "near", "leak", "near_leak", "broken")
BROKEN_KIND = KINDS.index("broken")
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


Original = tuple[str, str, int]
"""Text, id and label of a row that another one copies."""


def vocabulary(draw: np.random.Generator, size: int = 20_000) -> list[str]:
    """Made-up words of 2 to 11 letters, the frequent ones shorter."""
    lengths = np.clip(draw.normal(4 + 3 * np.linspace(0, 1, size), 1.5), 2, 11).astype(int)
    return ["".join(draw.choice(LETTERS, length)) for length in lengths]


def texts(draw: np.random.Generator, words: list[str], number: int) -> Iterator[str]:
    """Sentences of Zipf-distributed words, 5 to 60 of them, 16 on average."""
    weights = 1 / (np.arange(len(words)) + 10)
    for start in range(0, number, CHUNK_ROWS):
        size = min(CHUNK_ROWS, number - start)
        lengths = np.clip(draw.lognormal(2.7, 0.45, size), 5, 60).astype(int)
        picked = iter(draw.choice(len(words), lengths.sum(), p=weights / weights.sum()).tolist())
        for length in lengths.tolist():
            yield " ".join([words[next(picked)] for _ in range(length)])


def retyped(draw: np.random.Generator, text: str) -> str:
    """The same text to a reader: other case and spacing."""
    return "  ".join(text.title().split(" ")) if draw.random() < 0.5 else f" {text.upper()}\n"


def edited(draw: np.random.Generator, text: str) -> str:
    """A near-duplicate: one letter in every 80 changed, at least one (Jaccard of 5-letter pieces ≥ 0.8)."""
    letters = list(text)
    edits = max(1, len(letters) // 80)
    for at in draw.choice(len(letters), edits, replace=False):
        letters[at] = str(draw.choice(LETTERS))
    return "".join(letters)


def generate(rows: int, folder: Path) -> None:
    """Write the files for `rows` rows of train."""
    draw = np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    words = vocabulary(draw)
    tests = max(CLASSES * 20, rows // 100)
    test_texts = [
        (text, f"t{number}", number % CLASSES) for number, text in enumerate(texts(draw, words, tests))
    ]
    long_tests = [one for one in test_texts if len(one[0]) >= 60]
    with (folder / "test.jsonl").open("w") as file:
        for text, name, label in test_texts:
            file.write(line(name, text, label))
    shares = [EXACT, NEAR, LEAK, NEAR_LEAK, BROKEN]
    kinds = draw.choice(len(shares) + 1, rows, p=[*shares, 1 - sum(shares)])
    recent: list[Original] = []
    with (folder / "train.jsonl").open("w") as file, (folder / "planted.tsv").open("w") as planted:
        for number, (kind, fresh) in enumerate(zip(kinds.tolist(), texts(draw, words, rows), strict=True)):
            text, name, label = fresh, f"r{number}", number % CLASSES
            if kind == BROKEN_KIND:
                file.write(line(name, text, label)[: 20 + len(text) // 2] + "\n")
                planted.write(f"{name}\tbroken\t-\n")
                continue
            if kind < BROKEN_KIND and recent:
                pool = (recent, recent, test_texts, long_tests)[kind]
                original, source, label = pool[int(draw.integers(len(pool)))]
                text = (retyped, edited, retyped, edited)[kind](draw, original)
                planted.write(f"{name}\t{KINDS[kind]}\t{source}\n")
            elif len(text) >= 60:
                remember(draw, recent, (text, name, label))
            file.write(line(name, text, label))


def line(name: str, text: str, label: int) -> str:
    return json.dumps({"id": name, "text": text, "label": f"class_{label:02d}"}) + "\n"


def remember(draw: np.random.Generator, recent: list[Original], one: Original) -> None:
    """Keep it among at most 50,000 that later rows copy."""
    if len(recent) < 50_000:
        recent.append(one)
    else:
        recent[int(draw.integers(len(recent)))] = one


if __name__ == "__main__":
    generate(int(sys.argv[1]), Path(sys.argv[2]))
