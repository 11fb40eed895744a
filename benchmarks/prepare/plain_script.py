"""What one would write without teacherspec: datasets + pandas + datasketch, as their documents show.

    python -m benchmarks.prepare.plain_script /tmp/rows /tmp/plain

Drops broken lines, exact duplicates after normalising, near-duplicates by MinHash LSH (128 permutations,
threshold 0.8), rows of train that are in test, and splits at random; writes Parquet and the ids of the
rows taken out.
"""

import json
import re
import sys
import unicodedata
from pathlib import Path

import pandas as pd
from datasets import Dataset, load_dataset
from datasketch import MinHash, MinHashLSH

PERMUTATIONS, THRESHOLD, PIECE = 128, 0.8, 5


def normalise(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text).casefold()).strip()


def sketch(text: str) -> MinHash:
    pieces = {text[at : at + PIECE].encode() for at in range(max(1, len(text) - PIECE + 1))}
    minhash = MinHash(num_perm=PERMUTATIONS)
    minhash.update_batch(list(pieces))
    return minhash


def read(path: Path, scratch: Path) -> pd.DataFrame:
    clean = scratch / path.name
    with path.open() as source, clean.open("w") as target:
        for line in source:
            try:
                json.loads(line)
            except json.JSONDecodeError:
                continue
            target.write(line)
    rows: Dataset = load_dataset(
        "json", data_files=str(clean), split="train", cache_dir=str(scratch / "cache")
    )
    frame = rows.to_pandas()
    frame["key"] = frame["text"].map(normalise)
    return frame


def main(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    train, test = read(folder / "train.jsonl", out), read(folder / "test.jsonl", out)
    before = set(train["id"])
    train = train.drop_duplicates("key")
    train = train[~train["key"].isin(set(test["key"]))]
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for name, key in zip(test["id"], test["key"], strict=True):
        lsh.insert(name, sketch(key))
    kept = []
    for name, key in zip(train["id"], train["key"], strict=True):
        minhash = sketch(key)
        if not lsh.query(minhash):
            lsh.insert(name, minhash)
            kept.append(name)
    train = train[train["id"].isin(set(kept))]
    (out / "removed.txt").write_text("\n".join(sorted(before - set(train["id"]))))
    shuffled = train.sample(frac=1, random_state=0)
    borders = [int(len(shuffled) * share) for share in (0.8, 0.9)]
    parts = {"train": shuffled[: borders[0]], "validation": shuffled[borders[0] : borders[1]]}
    parts |= {"calibration": shuffled[borders[1] :], "test": test}
    for name, part in parts.items():
        part.drop(columns="key").to_parquet(out / f"{name}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
