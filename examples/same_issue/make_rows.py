"""Write the rows of this example: pairs of helpdesk messages, and whether they are about the same issue.

    python examples/same_issue/make_rows.py

The messages are those of `data/helpdesk` (CC0). Two are about the same issue where their intent is the same,
one of twenty. Every message belongs to one split, decided by its hash, so that no text of test is known from
training. A pair of different issues is the one with the most words in common among some: others are trivial.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEED = 7
SPLITS = {"train": 0.55, "validation": 0.1, "calibration": 0.15, "test": 0.2}
PAIRS = {"train": 1800, "validation": 320, "calibration": 500, "test": 800, "shifted": 300}
CANDIDATES = 12
"""Messages of other intents, of which the one with the most common words is taken."""

Message = Mapping[str, str]


def split_of(message: Message) -> str:
    """The split of a message, by the hash of its id."""
    draw, reached = int(sha256(message["id"].encode()).hexdigest()[:8], 16) / 16**8, 0.0
    for name, share in SPLITS.items():
        reached += share
        if draw < reached:
            return name
    return "test"


def overlap(one: Message, other: Message) -> float:
    """Share of the words of both that both have."""
    first, second = (set(message["text"].lower().split()) for message in (one, other))
    return len(first & second) / len(first | second)


def pairs(messages: Sequence[Message], count: int, draw: random.Random) -> Iterator[dict[str, str]]:
    """As many pairs of the same issue as of different ones, each of other messages than the pairs before."""
    firsts = draw.sample(list(messages), min(count, len(messages)))
    for number, first in enumerate(firsts):
        same = number % 2 == 0
        others = [
            one for one in messages if one["id"] != first["id"] and (one["label"] == first["label"]) == same
        ]
        chosen = draw.sample(others, 1 if same else CANDIDATES)
        second = max(chosen, key=lambda one: overlap(first, one))
        yield {
            "id": f"{first['id']}-{second['id']}",
            "message": first["text"],
            "other": second["text"],
            "label": "same" if same else "different",
        }


def main() -> None:
    """Write one file a split."""
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    draw = random.Random(SEED)  # noqa: S311 - a choice of rows, no secret

    def read(name: str) -> list[Message]:
        lines = (ROOT / f"data/helpdesk/{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    messages = read("messages")
    parts = {name: [one for one in messages if split_of(one) == name] for name in SPLITS}
    for name, part in {**parts, "shifted": read("shifted")}.items():
        lines = [
            json.dumps(row, ensure_ascii=False) + "\n" for row in distinct(pairs(part, PAIRS[name], draw))
        ]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{folder / name}.jsonl: {len(lines)} pairs")


def distinct(rows: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    """Rows whose two messages were not paired before in the other order."""
    found: dict[frozenset[str], dict[str, str]] = {}
    for row in rows:
        found.setdefault(frozenset((row["message"], row["other"])), row)
    return list(found.values())


if __name__ == "__main__":
    main()
