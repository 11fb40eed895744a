"""Write the rows of this example: messages to a helpdesk, an article for each, and how well it answers.

    python examples/relevance/make_rows.py

The messages are those of `data/helpdesk`; `articles.jsonl` holds two articles for each of its twenty intents,
written for this example. All is CC0. The score of a pair follows from the intents: 5 where the article is on
that of the message, 2 where on a neighbour (the table of borders in `data/helpdesk/README.md`), 0 otherwise.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SEED = 5
MESSAGES, SHIFTED = 600, 100
RIGHT, NEAR, FAR = 5.0, 2.0, 0.0

NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    "access_request": ("account_locked", "licence_request"),
    "account_locked": ("password_reset",),
    "application_error": ("software_install", "hardware_fault"),
    "data_recovery": ("email_delivery",),
    "email_delivery": ("spam_complaint", "phishing_report"),
    "hardware_fault": ("printer_problem", "meeting_room"),
    "hardware_request": ("onboarding",),
    "licence_request": ("software_install",),
    "meeting_room": ("slow_network",),
    "mfa_problem": ("password_reset", "phishing_report"),
    "offboarding": ("data_recovery",),
    "onboarding": ("access_request",),
    "password_reset": ("account_locked",),
    "phishing_report": ("spam_complaint",),
    "printer_problem": ("email_delivery",),
    "slow_network": ("wifi_problem", "vpn_connection"),
    "software_install": ("licence_request", "printer_problem"),
    "spam_complaint": ("email_delivery",),
    "vpn_connection": ("slow_network", "mfa_problem"),
    "wifi_problem": ("slow_network",),
}
"""Intent → those that its border is drawn to, in the words of the data's card."""

Row = Mapping[str, str]


def score(message: str, article: str) -> float:
    """How well an article on one intent answers a message of another."""
    if message == article:
        return RIGHT
    return NEAR if article in NEIGHBOURS[message] or message in NEIGHBOURS[article] else FAR


def pairs(
    messages: Sequence[Row], articles: Sequence[Row], draw: random.Random
) -> Iterator[dict[str, object]]:
    """Each message with an article of each score."""
    for message in messages:
        for wanted in (RIGHT, NEAR, FAR):
            fitting = [one for one in articles if score(message["label"], one["label"]) == wanted]
            article = draw.choice(fitting)
            yield {
                "id": f"{message['id']}-{articles.index(article):02d}",
                "message": message["text"],
                "article": article["text"],
                "score": wanted,
            }


def read(path: Path) -> list[Row]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Write both files."""
    folder = HERE / "data"
    folder.mkdir(exist_ok=True)
    draw = random.Random(SEED)  # noqa: S311 - a choice of rows, no secret
    articles = read(HERE / "articles.jsonl")
    for name, source, count in (("pairs", "messages", MESSAGES), ("shifted", "shifted", SHIFTED)):
        chosen = draw.sample(read(ROOT / f"data/helpdesk/{source}.jsonl"), count)
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in pairs(chosen, articles, draw)]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{folder / name}.jsonl: {len(lines)} pairs")


if __name__ == "__main__":
    main()
