"""The review page in a real browser: driven by keys, closed and opened again, saved and read back."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teacherspec.generated_answers import AnswerPair
from teacherspec.ratings.load_ratings import load_ratings
from teacherspec.ratings.sheet import QUESTION, save_sheet
from teacherspec.ratings.sheet_key import encode_key, load_keys, save_key, sheet_id
from tests.toys.browser import started_browser
from tests.unit.ratings.toy_ratings import Sheet, answered, make_sheet

pytestmark = pytest.mark.slow

ATTACK = "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 1'>\u202e<b>bold</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started_browser() as started:
        yield started


class Page:
    """The page as a rater has it, and everything that went wrong in it."""

    def __init__(self, browser: Any, file: Path) -> None:
        self.file = file
        self.context = browser.new_context(offline=True, accept_downloads=True)
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.open()

    def open(self) -> None:
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.file.as_uri())

    def close(self) -> None:
        self.page.close()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def begin(self, name: str) -> None:
        self.page.fill("#name", name)
        self.press("Enter")

    def wait_for_pair(self, number: int) -> None:
        """Until the pair of this number, from 1, is shown."""
        self.page.locator("#count", has_text=re.compile(rf"^{number} of")).wait_for()

    def text(self, name: str) -> str:
        return str(self.page.locator(f"#{name}").text_content())

    def save(self, folder: Path) -> list[dict[str, Any]]:
        with self.page.expect_download() as download:
            self.press("Control+s")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def sheet() -> Sheet:
    return make_sheet([*answered(3), AnswerPair("attack", ATTACK, (), ATTACK, "plain")])


@pytest.fixture
def page(browser: Any, sheet: Sheet, tmp_path: Path) -> Iterator[Page]:
    file, _ = save_sheet(tmp_path / "sheets", sheet_id(encode_key(sheet.key)), sheet.drawn, "seed", QUESTION)
    opened = Page(browser, file)
    yield opened
    opened.context.close()
    assert opened.wrong == []
    assert set(opened.requests) == {file.as_uri()} | {
        url for url in opened.requests if url.startswith("blob:")
    }


def test_keys_alone_rate_a_sheet_and_the_file_is_read_back(page: Page, sheet: Sheet, tmp_path: Path) -> None:
    page.begin("ana")
    for number in range(4):
        page.wait_for_pair(number + 1)
        assert page.text("prompt") == sheet.drawn.shown[number].prompt
        page.press("4", "2", "a" if sheet.drawn.teacher_side[number] == "left" else "d")
    page.page.wait_for_selector("#done:visible")
    saved = page.save(tmp_path)
    assert [line["item"] for line in saved] == [item.item for item in sheet.key.items]
    save_key(tmp_path, sheet.key)
    shutil.rmtree(tmp_path / "sheets")
    ratings = load_ratings(tmp_path, load_keys(tmp_path))
    assert [rating.values for rating in ratings] == [(side, 4, 2) for side in sheet.drawn.teacher_side]
    assert {rating.rater for rating in ratings} == {"ana"}


def test_untrusted_answers_are_shown_as_text_and_do_nothing(page: Page, sheet: Sheet) -> None:
    page.begin("ana")
    number = next(i for i, pair in enumerate(sheet.drawn.shown) if pair.id == "attack")
    page.page.locator("#map button").nth(number).click()
    page.wait_for_pair(number + 1)
    assert page.text("prompt") == ATTACK
    assert page.text(f"{sheet.drawn.teacher_side[number]}-text") == ATTACK
    assert page.page.evaluate("window.owned") is None
    assert page.page.locator("main img, main b:not(#total)").count() == 0


def test_ratings_outlive_the_page_and_raters_do_not_mix(page: Page, tmp_path: Path) -> None:
    page.begin("ana")
    page.press("5", "1", "s")
    page.wait_for_pair(2)
    page.press("x")
    page.wait_for_pair(3)
    page.press("c")
    page.page.keyboard.type("as good as it gets")
    page.press("Escape")
    page.close()
    page.open()
    page.begin("bo")
    page.wait_for_pair(1)
    page.press("3")
    assert [line["rater"] for line in page.save(tmp_path)] == ["bo"]
    page.close()
    page.open()
    page.page.click("text=Continue as ana: 2 of 4")
    page.wait_for_pair(3)
    saved = page.save(tmp_path)
    assert [(line["preference"], line["left_rating"], line["comment"]) for line in saved] == [
        ("tie", 5, ""),
        ("skip", None, ""),
        (None, None, "as good as it gets"),
    ]


def test_a_saved_file_goes_on_in_another_browser_and_others_are_refused(
    page: Page, browser: Any, tmp_path: Path
) -> None:
    page.begin("ana")
    page.press("5", "1", "d")
    page.wait_for_pair(2)
    saved = page.save(tmp_path)
    (path,) = tmp_path.glob("ratings-*.jsonl")
    elsewhere = Page(browser, page.file)
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text(json.dumps({**saved[0], "sheet": "s0"}))
    elsewhere.page.set_input_files("#open", foreign)
    elsewhere.page.wait_for_selector("#trouble:visible")
    assert "belongs to another sheet" in elsewhere.text("trouble")
    elsewhere.page.set_input_files("#open", path)
    elsewhere.wait_for_pair(2)
    assert elsewhere.save(tmp_path) == saved
    elsewhere.context.close()
    assert elsewhere.wrong == []


def test_a_verdict_can_be_corrected_and_taken_back(page: Page, tmp_path: Path) -> None:
    page.begin("")
    page.press("a", "d")
    assert page.page.locator("#right.better").count() == 1
    page.press("w", "4", "w", "4", "d")
    assert page.page.locator(".better, [aria-pressed=true]").count() == 0
    page.press("3", "Enter", "s", "Backspace")
    page.wait_for_pair(1)
    first, second = page.save(tmp_path)
    assert (first["preference"], first["right_rating"], second["preference"]) == (None, 3, "tie")
    assert first["rater"].startswith("rater-")
