"""The sheet is blind, self-contained, and shows untrusted text as text."""

import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from teacherspec.ratings import sheet as sheets
from teacherspec.ratings.pair_sampling import Drawn, Pair, draw, token
from teacherspec.ratings.sheet import CSV_COLUMNS, QUESTION, render_csv, render_page
from teacherspec.tasks.shared.image_decoding import encode_png

SYSTEMS = re.compile(
    r"teacher|\bbase\b|base_|untrained|fine.?tuned|(?<!p)reference|opponent|\bother\b.*answer|model",
    re.IGNORECASE,
)


class Parsed(HTMLParser):
    """Tags in order, and the text of each script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, str] = {}
        self.inside = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.inside = f"{tag} {dict(attrs).get('type', '')}".strip() if tag in {"script", "style"} else ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[self.inside] = self.texts.get(self.inside, "") + data


def drawn(*texts: str, side: str = "left") -> Drawn:
    """One pair a text, which is its prompt, and both answers with a letter before."""
    pairs = tuple(Pair(f"row-{i}", text, f"A{text}", f"B{text}") for i, text in enumerate(texts))
    return Drawn(pairs, (side,) * len(pairs), (), 0)  # type: ignore[arg-type]


PLAIN = Parsed(render_page("s0", drawn("a"), "seed", QUESTION))


def test_nothing_in_the_page_tells_whose_answer_is_whose() -> None:
    """Swap who is who and their sides: the page is the same to the byte, so it cannot tell."""
    one = drawn("first", "second")
    swapped = tuple(Pair(pair.id, pair.prompt, pair.other, pair.teacher) for pair in one.shown)
    other = Drawn(swapped, ("right", "right"), (), 0)
    assert render_page("s0", one, "seed", QUESTION) == render_page("s0", other, "seed", QUESTION)
    assert render_csv("s0", one, "seed") == render_csv("s0", other, "seed")


def test_no_word_in_the_page_names_a_system_or_a_row() -> None:
    page = render_page("s0", drawn("first", "second"), "seed", QUESTION)
    assert SYSTEMS.findall(page) == []
    assert "row-" not in page
    assert SYSTEMS.findall(render_csv("s0", drawn("first"), "seed")) == []


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_is_data_and_never_markup(text: str) -> None:
    found = Parsed(render_page("s0", drawn(text), "seed", text))
    assert found.tags == PLAIN.tags
    content = json.loads(found.texts["script application/json"])
    assert content["question"] == text
    (item,) = content["items"]
    assert (item["prompt"], item["left"], item["right"]) == (text, f"A{text}", f"B{text}")


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "]]>\u2028\u2029\0",
        '"}]}</ScRiPt ><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}{% raw %}",
        "\u202eright to left",
    ],
)
def test_known_attacks_are_data(text: str) -> None:
    found = Parsed(render_page("s0", drawn(text), "seed", QUESTION))
    assert found.tags == PLAIN.tags
    assert json.loads(found.texts["script application/json"])["items"][0]["prompt"] == text


def test_only_the_page_s_own_script_and_style_may_run() -> None:
    page = render_page("s0", drawn("a"), "seed", QUESTION)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    policy = policy.replace("&#39;", "'")
    for name, tag in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(PLAIN.texts[tag].encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_needs_nothing_from_outside() -> None:
    page = render_page("s0", drawn("a"), "seed", QUESTION)
    assert not re.findall(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|sendBeacon|WebSocket", page)
    assert not {name for name, _ in PLAIN.attributes} & {"src", "href", "action", "onclick", "style"}


def test_text_enters_the_page_as_text_only() -> None:
    script = Path(sheets.__file__).with_name("sheet.js").read_text()
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", script)


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@settings(deadline=None, max_examples=50)
@given(st.lists(texts, min_size=1, max_size=4))
def test_the_table_holds_every_text_and_no_formula(given_texts: list[str]) -> None:
    content = drawn(*given_texts)
    rows = list(csv.DictReader(io.StringIO(render_csv("s0", content, "seed"), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    for row, pair in zip(rows, content.shown, strict=True):
        assert row["item"] == token("seed", pair)
        assert row["prompt"] in {pair.prompt, f"'{pair.prompt}"}
        assert not row["prompt"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
        assert row["preference"] == row["left_rating"] == row["rater"] == ""


PICTURES = (encode_png(Image.new("RGB", (8, 6), "red")), b"\xff\xd8\xff\xe0 a photo")


def test_pictures_lie_in_the_page() -> None:
    """What was asked about is shown without any other file, and nothing else may be loaded."""
    shown = Pair("row", "What is it?", "red", "blue", pictures=PICTURES)
    page = Parsed(render_page("s0", Drawn((shown,), ("left",), (), 0), "seed", QUESTION))
    policy = next(value for _, value in page.attributes if value and value.startswith("default-src"))
    assert "img-src data:;" in policy
    assert "img-src" not in str(PLAIN.attributes)
    sources = json.loads(page.texts["script application/json"])["items"][0]["pictures"]
    kinds = [source.partition(";")[0] for source in sources]
    assert kinds == ["data:image/png", "data:image/jpeg"]
    assert [base64.b64decode(source.partition(",")[2]) for source in sources] == list(PICTURES)


def test_the_same_question_on_another_picture_is_another_pair() -> None:
    one, other = (Pair(name, "What is it?", "red", "blue", pictures=(name.encode(),)) for name in "ab")
    assert len(draw([one, other], 10, "seed").shown) == 2
    assert len(draw([one, replace(one, id="c")], 10, "seed").shown) == 1
