"""The page of a teacher in a real browser: keys, themes, a phone, paper, hostile labels, and no network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teacherspec.package.page.page_inputs import read_tsv
from teacherspec.package.page.render import render_page
from teacherspec.runtime.atomic_io import read_json
from tests.toys.browser import started_browser
from tests.toys.packaged_teacher import PackagedTeacher
from tests.unit.package.page.test_render import HOSTILE, inputs_of, renamed

pytestmark = pytest.mark.slow

PHONE = {"width": 360, "height": 740}
CONTRAST = 4.5
"""Least contrast of text and background (WCAG 2.2, level AA)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started_browser() as started:
        yield started


class Opened:
    """The page as a reader has it, and everything that went wrong in it."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def column(self, caption: str, number: int) -> list[str]:
        """Texts of a column of the rows that are shown."""
        rows = self.table(caption).locator("tbody tr:visible")
        return [str(text).strip() for text in rows.locator(f":nth-child({number})").all_inner_texts()]

    def table(self, caption: str) -> Any:
        return self.page.locator(f"table:has(> caption:text-is('{caption}'))")


@pytest.fixture
def opened(browser: Any, packaged_teacher: PackagedTeacher) -> Iterator[Any]:
    files: list[Opened] = []

    def open_page(file: Path | None = None, **options: Any) -> Opened:
        files.append(Opened(browser, file or packaged_teacher.stages.page.resolve(), **options))
        return files[-1]

    yield open_page
    for one in files:
        assert one.wrong == []
        assert [url for url in one.requests if not url.startswith(("file:", "data:"))] == []
        one.context.close()


def test_keys_alone_sort_a_table_and_find_rows(opened: Any) -> None:
    page = opened()
    head = page.table("Confusions, test").locator("thead th", has_text="rows")
    for order in ("descending", "ascending"):
        head.locator("button").focus()
        page.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == order
        counts = [int(text) for text in page.column("Confusions, test", 3)]
        assert counts == sorted(counts, reverse=order == "descending")
    labels = page.column("Confusions, test", 1)
    head = page.table("Confusions, test").locator("thead th").first
    head.locator("button").focus()
    page.page.keyboard.press("Space")
    assert page.column("Confusions, test", 1) == sorted(labels)
    assert page.page.locator("th[aria-sort]").count() == 1
    box = page.page.locator("div[data-filter]", has=page.table("Confidently wrong"))
    search = box.get_by_role("searchbox")
    rows = page.column("Confidently wrong", 2)
    search.focus()
    page.page.keyboard.type(rows[0].upper())
    shown = page.column("Confidently wrong", 2)
    assert 0 < len(shown) <= len(rows)
    assert box.get_by_role("status").inner_text() == f"{len(shown)} of {len(rows)} rows"
    page.page.keyboard.type(" nothing has this")
    assert page.column("Confidently wrong", 2) == []


def test_the_temperature_shows_what_calibrate_measured(
    opened: Any, packaged_teacher: PackagedTeacher
) -> None:
    stops = read_json(packaged_teacher.stages.calibrated / "temperatures.json")
    fitted = read_json(packaged_teacher.stages.calibrated / "calibration.json")["temperature"]
    page = opened().page
    slider = page.get_by_role("slider")
    start = int(slider.input_value())
    assert stops[start]["temperature"] == pytest.approx(fitted, abs=1e-5)
    first = page.locator("#bins").inner_html()
    slider.focus()
    page.keyboard.press("End")
    assert page.locator("#measured").inner_text() == (
        f"ECE {stops[-1]['ece']:.3f}, NLL {stops[-1]['nll']:.3f} nats"
    )
    assert slider.get_attribute("aria-valuetext").startswith("T = 4.000, ECE ")
    assert page.locator("#bins circle").count() == len(stops[-1]["bins"])
    assert page.locator("#bins").inner_html() != first
    page.get_by_role("button", name="As calibrated", exact=True).press("Enter")
    assert int(slider.input_value()) == start
    assert page.locator("#bins circle").count() == len(stops[start]["bins"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_scrolls_tables_and_not_the_page(opened: Any, theme: str) -> None:
    page = opened(viewport=PHONE, color_scheme=theme).page
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll, .skip, svg')"
        " && one.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].some((one) => one.scrollWidth > one.clientWidth)"
    )


LUMINANCE = """(selector) => {
  const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (colour) => rgb(colour).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const filled = (one) => {
    const colour = getComputedStyle(one).backgroundColor;
    return colour.startsWith("rgba(0, 0, 0, 0)") ? filled(one.parentElement) : colour;
  };
  return [...document.querySelectorAll(selector)].map((one) => {
    const pair = [light(getComputedStyle(one).color), light(filled(one))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  });
}"""


def test_text_can_be_read_in_both_themes(opened: Any) -> None:
    backgrounds = []
    for theme in ("light", "dark"):
        page = opened(color_scheme=theme).page
        found = page.evaluate(
            LUMINANCE, "p, li, th, td, small, a, code, .good, .bad, summary, button, figcaption"
        )
        assert len(found) > 200
        assert min(found) >= CONTRAST, theme
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1]


def test_paper_shows_everything_and_no_controls(opened: Any) -> None:
    page = opened(color_scheme="dark").page
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("[...document.querySelectorAll('details')].every((one) => one.open)")
    for hidden in ("nav", ".tools", ".control"):
        assert not page.locator(hidden).first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_it_reads_without_a_script(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.table("Classes, test").locator("tbody tr").count() == 3
    assert page.page.locator("#bins circle").count() > 1
    assert not page.page.locator(".control").is_visible()


def test_landmarks_and_names_are_there_for_a_screen_reader(opened: Any) -> None:
    page = opened().page
    for role in ("banner", "main", "contentinfo", "navigation"):
        assert page.get_by_role(role).count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    pictures = page.get_by_role("img")
    assert pictures.count() >= 4
    unnamed = page.evaluate(
        "[...document.querySelectorAll('svg[role=img]')].filter((one) => ['labelledby', 'describedby'].some("
        "(name) => !document.getElementById(one.getAttribute('aria-' + name)).textContent.trim())).length"
    )
    assert unnamed == 0


def test_hostile_labels_run_nothing_and_are_shown(
    opened: Any, packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    labels = [
        row["label"] for row in read_tsv(packaged_teacher.stages.reports / "evaluate/plots/classes.tsv")
    ]
    names = dict(zip(labels, HOSTILE, strict=True))
    inputs = inputs_of(packaged_teacher, renamed(packaged_teacher.stages, tmp_path, names))
    file = tmp_path / "teacher.html"
    file.write_text(render_page(inputs), encoding="utf-8")
    page = opened(file, viewport=PHONE)
    assert any(text.startswith("</script><script>window.owned") for text in page.column("Classes, test", 1))
    assert page.page.evaluate("window.owned") is None
    assert page.page.locator("img").count() == 0
    assert page.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_policy_stops_what_is_not_the_page_s_own(
    browser: Any, packaged_teacher: PackagedTeacher, tmp_path: Path
) -> None:
    """Negative control: a script and a request that someone put into the file are refused."""
    text = packaged_teacher.stages.page.read_text(encoding="utf-8")
    added = "<script>window.owned = 1</script><img src='https://evil.example/x.png'></body>"
    file = tmp_path / "changed.html"
    file.write_text(text.replace("</body>", added), encoding="utf-8")
    page = Opened(browser, file)
    assert page.page.evaluate("window.owned") is None
    assert len([text for text in page.wrong if "Content Security Policy" in text]) == 2
    page.context.close()
