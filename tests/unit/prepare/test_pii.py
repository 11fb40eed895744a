import pytest

from teacherspec.prepare.pii import detector
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
    assert "- data/rows.jsonl:61: e-mail address" in workshop.report()
    assert "jane.doe" not in workshop.report()
