"""Write a question with its answer for every photo of clothing: JSON lines next to the archives of photos.

python examples/llava_smollm2/rows.py data/clothing
"""

import json
import sys
import tarfile
from pathlib import Path

QUESTION = "What is this?"
WORDS = {"longsleeve": "long-sleeved shirt", "outwear": "coat"}
"""Words of a class whose name is none."""

ARCHIVES = {"train": "train_30perclass.tar", "validation": "validation.tar", "test": "test.tar"}


def rows(archive: Path) -> list[dict[str, str]]:
    """A row for each photo, `<split>/<class>/<file>` in the archive, in the order of names."""
    with tarfile.open(archive) as opened:
        names = sorted(member.name for member in opened if member.isfile())
    labels = [Path(name).parent.name for name in names]
    return [
        {"image": name, "question": QUESTION, "answer": WORDS.get(label, label)}
        for name, label in zip(names, labels, strict=True)
    ]


def write(folder: Path) -> None:
    """`<split>.jsonl` next to the archives in `folder`."""
    for split, archive in ARCHIVES.items():
        lines = [json.dumps(row) + "\n" for row in rows(folder / archive)]
        (folder / f"{split}.jsonl").write_text("".join(lines))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
