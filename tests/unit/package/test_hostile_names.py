"""Labels and slices that would be markup, on the card, on the page of `evaluate` and on the terminal."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.verify_package import command
from teacherspec.package.card.card_findings import weaknesses
from teacherspec.package.card.terminal_summary import print_summary
from teacherspec.package.classification.card import card_sections
from teacherspec.runtime.html_pages import inline_markdown
from tests.toys.hostile import TEXTS, live_in_html, live_in_markdown
from tests.toys.packaged_teacher import PackagedTeacher
from tests.unit.evaluate.test_findings import findings_of
from tests.unit.evaluate.toy_runs import measured

CLASS = {"support": 9, "recall": 0.5, "recall_low": 0.3, "recall_high": 0.7, "precision": 0.5}


def test_the_names_of_classes_are_text_on_the_card(packaged_teacher: PackagedTeacher) -> None:
    outputs = replace(packaged_teacher.result.outputs, classes=[{"label": text, **CLASS} for text in TEXTS])
    sections = "\n\n".join(card_sections(outputs))
    assert "evil.example" in sections
    assert set(live_in_markdown(sections)) == {"img"}  # the plot of calibration
    assert live_in_markdown(sections).count("img") == 1


def test_findings_are_text_on_the_card_and_on_the_page(packaged_teacher: PackagedTeacher) -> None:
    labels = [0] * 40 + [1] * 40 + [2] * 40
    table = replace(measured(labels, [0] * 40 + [1] * 40 + [0] * 25 + [2] * 15), label_names=TEXTS[:3])
    found = findings_of(table)
    sentences = [finding.sentence for finding in found]
    assert any("evil.example" in sentence for sentence in sentences)
    outputs = replace(packaged_teacher.result.outputs, findings=[vars(finding) for finding in found])
    card = "\n".join(f"- {sentence}" for sentence in weaknesses(outputs))
    assert "evil.example" in card
    assert not live_in_markdown(card)
    assert not live_in_html(" ".join(inline_markdown(sentence) for sentence in sentences))


def test_a_label_with_bars_and_quotes_reads_well_on_the_page() -> None:
    assert inline_markdown("Takes `a\\|b` for `<c>`.") == "Takes <code>a|b</code> for <code>&lt;c&gt;</code>."


def test_names_of_files_cannot_forge_a_check(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "x\nfiles        ok\x1b[2J\x1b[32m").write_text("x")
    shown = CliRunner().invoke(command, [str(tmp_path)])
    assert shown.exit_code == 1
    assert "\x1b" not in shown.output
    assert "files        ok" not in shown.output.splitlines()


def test_the_summary_shows_markup_of_rich_as_text(
    packaged_teacher: PackagedTeacher, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "[red]not[/] \x1b[2J [link=https://evil.example]x[/link]"
    gates = [replace(gate, reason=hostile) for gate in packaged_teacher.result.gates]
    print_summary(replace(packaged_teacher.result, gates=gates), Path("absent.json"))
    shown = capsys.readouterr().out
    assert "[red]not[/] \\x1b[2J [link=https://evil.example]x[/link]" in shown
    assert "\x1b[2J" not in shown
