"""Progress never changes what is computed; it is shown on a terminal, after a moment, and nowhere else."""

import io
import re
import sys
from collections.abc import Iterator

import pytest

from teacherspec.runtime import progress
from teacherspec.runtime.progress import with_progress


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def terminal_in(monkeypatch: pytest.MonkeyPatch, delay: float) -> Terminal:
    """A terminal in place of stderr, as of a work that shows its progress after a delay."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
    monkeypatch.setattr(progress, "DELAY_S", delay)
    return found


def test_it_is_quiet_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    items = [1, 2, 3]
    assert with_progress(items, "work", 3) is items
    assert capsys.readouterr() == ("", "")


def test_it_shows_what_is_done_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_in(monkeypatch, 0.0)
    assert list(with_progress(["a", "bb", "ccc"], "evaluate: test", 8, len)) == ["a", "bb", "ccc"]
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "evaluate: test" in shown
    assert "rows/s" in shown
    assert re.search(r"\d:\d\d:\d\d|-:--:--", shown)


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_in(monkeypatch, 60.0)
    assert list(with_progress(range(5), "work", 5)) == list(range(5))
    assert terminal.getvalue() == ""


def test_only_the_first_process_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal_in(monkeypatch, 0.0)
    monkeypatch.setattr(progress.machine, "rank", lambda: 1)
    items = iter([1])
    assert with_progress(items, "work") is items


def test_the_line_goes_where_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_in(monkeypatch, 0.0)

    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        list(with_progress(failing(), "work"))
    assert "\x1b[?25h" in terminal.getvalue(), "the cursor is back"
