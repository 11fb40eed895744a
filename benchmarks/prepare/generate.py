"""Rows with planted faults: what is hidden where is known, so recall and precision can be counted.

    python -m benchmarks.prepare.generate 1000000 /tmp/rows

writes `train.jsonl` (to be split by hash), `test.jsonl` (ready-made, 1 % as many rows), and
`planted.tsv`: the ids of rows hidden as copies of another row, and of what kind.
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
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


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
    test_texts = list(texts(draw, words, tests))
    long_tests = [text for text in test_texts if len(text) >= 60]
    with (folder / "test.jsonl").open("w") as file:
        for number, text in enumerate(test_texts):
            file.write(json.dumps({"id": f"t{number}", "text": text, "label": f"class_{number % CLASSES:02d}"}) + "\n")
    kinds = draw.choice(6, rows, p=[EXACT, NEAR, LEAK, NEAR_LEAK, BROKEN, 1 - EXACT - NEAR - LEAK - NEAR_LEAK - BROKEN])
    recent: list[tuple[str, int]] = []
    with (folder / "train.jsonl").open("w") as file, (folder / "planted.tsv").open("w") as planted:
        for number, (kind, text) in enumerate(zip(kinds.tolist(), texts(draw, words, rows), strict=True)):
            label = number % CLASSES
            source: tuple[str, int] = recent[int(draw.integers(len(recent)))] if recent else (text, label)
            if kind == 0:
                text, label = retyped(draw, source[0]), source[1]
            elif kind == 1:
                text, label = edited(draw, source[0]), source[1]
            elif kind == 2:
                text = retyped(draw, test_texts[int(draw.integers(tests))])
            elif kind == 3:
                text = edited(draw, long_tests[int(draw.integers(len(long_tests)))])
            elif len(text) >= 60:
                slot = (text, label)
                if len(recent) < 50_000:
                    recent.append(slot)
                else:
                    recent[int(draw.integers(len(recent)))] = slot
            if kind < 5:
                planted.write(f"r{number}\t{('exact', 'near', 'leak', 'near_leak', 'broken')[kind]}\n")
            label_name = f"class_{label:02d}"
            if kind == 4:
                file.write(f'{{"id": "r{number}", "text": "{text[:20]}\n')
            else:
                file.write(json.dumps({"id": f"r{number}", "text": text, "label": label_name}) + "\n")


if __name__ == "__main__":
    generate(int(sys.argv[1]), Path(sys.argv[2]))
