"""Write the rows of this example: requests for tiny stories, and the stories. Made here, CC0.

    python examples/stories/make_rows.py

The words are those of TinyStories (Eldan & Li 2023, arXiv 2305.07759), which the base was trained on; every
story is put together anew from parts, so that a request decides what must happen in it.
"""

import json
import random
from pathlib import Path

FOLDER = Path(__file__).parent
SEED = 11
ROWS, SHIFTED = 900, 120

GIRLS, BOYS = ("Lily", "Sue", "Mia", "Anna", "Jane", "Lucy"), ("Tim", "Ben", "Tom", "Max", "Sam", "Jack")
ANIMALS = ("dog", "cat", "bird", "frog", "bunny", "duck", "bear", "fish")
TOYS = ("ball", "doll", "kite", "car", "hat", "book", "cake", "flower", "stone", "box")
PLACES = ("park", "garden", "forest", "house", "beach", "farm")
COLOURS = ("red", "blue", "green", "big", "small", "shiny", "old", "soft")
FEELINGS = ("happy", "sad", "scared", "proud", "excited")

OPENINGS = (
    "Once upon a time, there was a little {child} named {name}.",
    "One day, a {child} named {name} went to the {place}.",
    "There was a {child} called {name} who loved the {place}.",
)
FINDS = (
    "{name} saw a {colour} {toy} and wanted to play with it.",
    "In the {place}, {name} found a {colour} {toy}.",
    "{name} had a {colour} {toy} and took it everywhere.",
)
MEETINGS = (
    "Then a {animal} came and said hello.",
    "A {animal} was there too and looked at the {toy}.",
    "{name} met a {animal} who wanted to play.",
)
MIDDLES = {
    "happy": ("They played together all day.", "They laughed and ran and jumped."),
    "sad": ("But the {toy} broke and {name} began to cry.", "Then the {toy} fell into the water."),
    "scared": ("Suddenly there was a loud noise.", "It was dark and {name} could not see."),
    "proud": ("{name} helped the {animal} find its mom.", "{name} shared the {toy} with the {animal}."),
    "excited": ("They could not wait to show it to {name}'s mom.", "They ran fast to the {place}."),
}
ENDINGS = (
    "{name} felt very {feeling} and went home.",
    "At the end of the day, {name} was {feeling}.",
    "{name} was so {feeling} and hugged the {animal}.",
)
REQUESTS = (
    "Write a story about {name}, a {animal} and a {colour} {toy}. {name} is {feeling}.",
    "Story with: {name}, {animal}, {colour} {toy}, {place}, {feeling}.",
)
OTHER_REQUESTS = (
    "Please tell me how {name} and a {animal} met at the {place} and why {name} was {feeling}.",
)


def story(draw: random.Random) -> dict[str, str]:
    """The parts of one story."""
    child = draw.choice(("girl", "boy"))
    parts = {
        "child": child,
        "name": draw.choice(GIRLS if child == "girl" else BOYS),
        "animal": draw.choice(ANIMALS),
        "toy": draw.choice(TOYS),
        "place": draw.choice(PLACES),
        "colour": draw.choice(COLOURS),
        "feeling": draw.choice(FEELINGS),
    }
    lines = (OPENINGS, FINDS, MEETINGS, MIDDLES[parts["feeling"]], ENDINGS)
    return {**parts, "text": " ".join(draw.choice(part).format(**parts) for part in lines)}


def rows(draw: random.Random, requests: tuple[str, ...], count: int) -> list[dict[str, str]]:
    """Rows with different requests."""
    found: dict[str, str] = {}
    while len(found) < count:
        told = story(draw)
        found.setdefault(draw.choice(requests).format(**told), told["text"])
    return [{"prompt": request, "completion": text} for request, text in found.items()]


def main() -> None:
    """Write both files."""
    draw = random.Random(SEED)  # noqa: S311 - a choice of words, no secret
    for name, requests, count in (("stories", REQUESTS, ROWS), ("shifted", OTHER_REQUESTS, SHIFTED)):
        lines = [json.dumps(row) + "\n" for row in rows(draw, requests, count)]
        (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
