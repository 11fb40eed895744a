"""Text from outside in every kind of place that shows text."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import encode_json, write_tsv
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.escaping import markdown_code, no_formula, printable, printable_json, tsv_cell
from teacherspec.runtime.terminal import print_lines
from tests.toys.hostile import TEXTS, live_in_html, live_in_markdown

CONTROLS = ("\x1b[2J", "a\nok", "a\rb", "\x9b31m", "\u202egnp.exe", "\u2028", "\udcff", "\x07", "\u2066")


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_no_markup_in_markdown_and_would_be_without_the_encoder(text: str) -> None:
    assert live_in_markdown(f"label {text}\n")
    assert not live_in_markdown(f"label {markdown_code(text)}\n\n| a |\n|---|\n| {markdown_code(text)} |\n")


@given(st.text())
def test_any_text_is_one_code_span(text: str) -> None:
    span = markdown_code(text)
    assert span == "" or (span[0] == span[-1] == "`" and span.count("`") == 2)
    assert span.isprintable()


@pytest.mark.parametrize("text", CONTROLS)
def test_text_cannot_act_on_a_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(f"file {text}: ok", "second")
    with pytest.raises(SystemExit), report_user_errors():
        raise UserError([f"{text}: is wrong", "another"])
    shown = capsys.readouterr()
    for stream, lines in ((shown.out, 2), (shown.err, 2)):
        assert stream.count("\n") == lines
        assert stream.replace("\n", "").isprintable()


def test_what_the_encoding_of_a_terminal_lacks_is_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stdout)
    print_lines("für 0.86 ≥ 0.85")
    stdout.flush()
    assert stdout.buffer.getvalue() == b"f\xfcr 0.86 \\u2265 0.85\n"


@pytest.mark.parametrize("text", CONTROLS)
def test_json_gives_text_back_and_shows_nothing_invisible(text: str) -> None:
    for encoded in (encode_json({text: text}), printable_json(json.dumps({text: text}, ensure_ascii=False))):
        assert encoded.replace("\n", "").isprintable()
        assert json.loads(encoded) == {text: text}


def test_texts_of_a_table_stay_in_their_cells_and_apart(tmp_path: Path) -> None:
    texts = ["a\nb", "a b", "a\tb", "a\rb", "a\u2028b", "\u202eab", "a\x1b[2Jb"]
    write_tsv(tmp_path / "t.tsv", ("label", "rows"), [(text, 1) for text in texts])
    content = (tmp_path / "t.tsv").read_text()
    assert len(content.splitlines()) == len(texts) + 1
    found = [row[0] for row in csv.reader(io.StringIO(content), delimiter="\t")][1:]
    assert len(set(found)) == len(texts)
    assert all(text.isprintable() for text in found)


@pytest.mark.parametrize("text", ["=cmd|'/C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "  =1", "＝1", "＠x"])
def test_a_text_is_no_formula_in_a_table(text: str) -> None:
    assert tsv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+2.5", "-1e-3", "cold", "a=b", "", " -3 "])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert no_formula(text) == text


def test_letters_of_any_script_stay_readable() -> None:
    for text in ("naïve", "日本語", "می‌خواهم"):
        assert tsv_cell(text) == text
    assert printable("日本語 ≥ 0.5") == "日本語 ≥ 0.5"


def test_the_readers_of_these_tests_see_live_markup() -> None:
    assert live_in_html("<p><img src=x></p>") == ["img"]
    assert live_in_html("<p>@team</p>") == ["@team"]
    assert not live_in_html("<p><code>@team &lt;img&gt;</code></p>")
