import pytest

from teacherspec.prepare.pii import WINDOW, detector, windows
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

DETECT = detector()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+work@example.co.uk please", "e-mail address"),
        ("call +49 170 1234567 after six", "telephone number"),
        ("the key is AKIA" + "IOSFODNN7EXAMPLE", "AWS Access Key"),
        ("use ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a", "GitHub Token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "Private Key"),
    ],
)
def test_what_looks_private_is_named(text: str, kind: str) -> None:
    assert kind in DETECT(text)


@pytest.mark.parametrize(
    "text",
    [
        "my card has not arrived, can you help me with that please?",
        "I paid 1234.50 on 12.03.2020 @ the shop",
        "my password does not work, secret or not",
        "order 4155550123 is late",
    ],
)
def test_plain_language_is_not(text: str) -> None:
    assert DETECT(text) == []


def test_personal_data_is_counted_and_reported_without_its_text(workshop: Workshop) -> None:
    rows = [*messages(60), {"text": "write to jane.doe@example.com", "label": "ant"}]
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    assert workshop.metrics()["looks_private"] == {"rows_searched": 61, "rows": 1, "e-mail address": 1}
    assert "- `data/rows.jsonl:61: e-mail address" in workshop.report()
    assert "jane.doe" not in workshop.report()


@pytest.mark.parametrize("length", [0, 1, WINDOW, WINDOW + 1, 3 * WINDOW, 10_000])
def test_windows_hold_every_short_part_of_a_text(length: int) -> None:
    text = "".join(chr(0x4E00 + at) for at in range(length))
    parts = list(windows(text))
    assert max(map(len, parts)) <= WINDOW
    assert len(parts) <= 1 + length // 1024
    for start in range(0, length, 97):
        assert any(text[start : start + 300] in part for part in parts)


def test_an_address_within_a_long_text_is_found(workshop: Workshop) -> None:
    long = "word " * 5_000 + "jane.doe@example.com" + " word" * 5_000
    workshop.write("data/rows.jsonl", jsonl([*messages(60), {"text": long, "label": "ant"}]))
    workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    assert workshop.metrics()["looks_private"]["e-mail address"] == 1


REPEATED = ("a", "@", "a@", ".", "eyJ", "sk-", "://", "http://", "+1 ", "=", "-----BEGIN ", "\u0301")


@pytest.mark.parametrize("piece", REPEATED)
def test_time_grows_with_the_length_of_a_text_not_with_its_square(piece: str) -> None:
    """Counts the work, which times would only suggest: characters searched, in parts of bounded length."""
    lengths = [sum(map(len, windows(piece * (size // len(piece))))) for size in (100_000, 200_000)]
    assert lengths[1] < 2.1 * lengths[0]
    for part in windows(piece * (10_000 // len(piece))):
        DETECT(part)
